// The panels that show the moment: figures with their last minutes, pools, cache, upstream.

import { History, bar, count, fill, make, percent, rate, say, size, sparkline, stacked, time } from './drawing.js';
import { sum } from './fetching.js';

const place = (id) => document.getElementById(id);

/** A figure with its history. */
class Tile {
  history = new History();
  figure = make('p', { class: 'big' }, '–');
  detail = make('p', { class: 'quiet' });
  picture = make('div');

  constructor(id, title) {
    this.element = make('li', { id: `tile-${id}`, class: 'tile' }, make('h3', {}, title), this.figure, this.detail, this.picture);
    place('tiles').append(this.element);
  }

  show(value, shown, detail, most) {
    this.history.add(value);
    say(this.figure, shown);
    say(this.detail, detail);
    fill(this.picture, sparkline(this.history.values, most));
  }
}

const tiles = {};
const tile = (id, title) => (tiles[id] ??= new Tile(id, title));

/** What has been counted between two looks, in a second. */
function speed(now, before, name, labels) {
  if (!before) return NaN;
  const more = sum(now.metrics, name, labels) - sum(before.metrics, name, labels);
  return Math.max(0, more) / ((now.at - before.at) / 1000);
}

export function showNow(now, before, kind) {
  const requests = speed(now, before, 'pool_proxy_http_requests_total');
  const clients = sum(now.metrics, 'pool_proxy_client_connections');
  tile('requests', 'Requests').show(requests, `${rate(requests)}/s`, of(clients, 'client connection'));
  const mean = (name) => (speed(now, before, `${name}_sum`) / speed(now, before, `${name}_count`)) * 1000;
  if (kind === 'relay') {
    const took = mean('pool_proxy_http_request_duration_seconds');
    tile('took', 'Time of an answer').show(took, time(took), 'mean of the last moments');
    return;
  }
  const asked = ['hit', 'stale', 'miss', 'expired', 'collapsed', 'refreshed', 'bypass'];
  const results = asked.map((result) => speed(now, before, 'pool_proxy_cache_requests_total', { result }));
  const all = results.reduce((total, one) => total + one, 0);
  const kept = results[0] + results[1];
  tile('hits', 'Cache hits').show((100 * kept) / all, percent(kept, all), `${rate(kept)}/s from the cache`, 100);
  const queries = speed(now, before, 'pool_proxy_queries_total');
  const failed = queries - speed(now, before, 'pool_proxy_queries_total', { result: 'ok' });
  tile('queries', 'Calls to Postgres').show(queries, `${rate(queries)}/s`, `${rate(failed)}/s failed`);
  const took = mean('pool_proxy_query_duration_seconds');
  const queued = mean('pool_proxy_queue_duration_seconds');
  tile('took', 'Time in Postgres').show(took, time(took), `${time(queued)} in line`);
  const waiting = sum(now.metrics, 'pool_proxy_pool_waiting');
  const active = sum(now.metrics, 'pool_proxy_pool_connections', { state: 'active' });
  const most = sum(now.metrics, 'pool_proxy_pool_connections_max');
  tile('waiting', 'Waiting calls').show(waiting, count(waiting), `${count(active)} of ${of(most, 'connection')} at work`);
}

const histories = new Map();

export function showPools({ pools }) {
  const cards = pools.map((pool) => {
    const history = histories.get(pool.database) ?? new History();
    histories.set(pool.database, history.add(pool.active) ?? history);
    const figures = [['at work', pool.active], ['idle', pool.idle], ['at most', pool.max], ['waiting', pool.waiting], ['transactions', pool.transactions]];
    const list = figures.map(([name, value]) => make('div', { class: name === 'waiting' && value > 0 ? 'busy' : undefined }, make('dt', {}, name), make('dd', {}, count(value))));
    return make('li', { class: 'pool' }, make('h3', {}, pool.database), stacked([['active', pool.active], ['idle', pool.idle]], pool.max), make('dl', {}, ...list), sparkline(history.values, pool.max));
  });
  fill(place('pools'), ...cards);
}

/** So many of something. */
const of = (number, name) => `${count(number)} ${name}${number === 1 ? '' : 's'}`;

const RESULTS = [
  ['hit', 'answered from the cache'],
  ['stale', 'answered while a newer one is fetched'],
  ['collapsed', 'shared the run of another request'],
  ['miss', 'not held yet'],
  ['expired', 'too old'],
  ['refreshed', 'asked to be fetched anew'],
  ['bypass', 'may not be kept'],
  ['observed_hit', 'would have been answered'],
  ['observed_miss', 'would have been fetched'],
  ['observed_stale', 'would have been wrong'],
];

const REASONS = {
  volatile: 'two runs may differ',
  writes: 'it writes',
  locks: 'it locks rows',
  session: 'it tells about its session',
  temporary: 'reads a temporary table',
  foreign: 'reads a foreign table',
  utility: 'no SELECT, INSERT, UPDATE, DELETE or MERGE',
  unanalysable: 'could not be analysed',
  changing: 'depends on time, settings or storage',
  function: "calls a function that is the user's own",
  frozen: "has a literal such as 'today'",
  catalog: 'reads a system catalogue',
  unlogged: 'reads an unlogged table',
  materialized: 'reads a materialized view',
  unpublished: 'reads a table that is not followed',
  off: 'the cache is off',
};

export function showCache(cache, { not_kept: reasons }, metrics) {
  say(place('held'), cache.on ? `${of(cache.entries, 'answer')} held, ${size(cache.bytes)}` : 'The cache is off.');
  const counted = RESULTS.map(([result, words]) => [words, sum(metrics, 'pool_proxy_cache_requests_total', { result }), result]).filter(([, value]) => value > 0);
  const all = counted.reduce((total, [, value]) => total + value, 0);
  const bars = counted.map(([words, value, result]) => bar(words, value, all, count(value), result));
  fill(place('results'), ...(bars.length ? bars : [make('li', { class: 'quiet' }, 'No request has asked for caching yet.')]));
  const words = Object.entries(reasons).sort(([, a], [, b]) => b - a);
  const most = words.reduce((total, [, value]) => total + value, 0);
  const named = words.map(([word, value]) => bar(`${word}: ${REASONS[word] ?? 'see Cache-Status'}`, value, most, of(value, 'run'), 'bypass'));
  fill(place('reasons'), ...(named.length ? named : [make('li', { class: 'quiet' }, 'No statement that is known cannot be kept.')]));
  const streams = cache.streams.map((stream) => {
    const age = stream.age === null ? 'never known' : `last known ${time(stream.age * 1000)} ago`;
    const state = make('span', { class: stream.proven ? 'good' : 'wrong' }, stream.proven ? 'followed' : 'not proven');
    return make('li', {}, make('strong', {}, stream.database), ' ', state, `, ${age}; ${of(stream.relations, 'table')}, ${of(stream.dependents, 'dependent answer')}`);
  });
  fill(place('streams'), ...(streams.length ? [make('h3', {}, 'Streams of changes'), make('ul', { class: 'plain' }, ...streams)] : []));
}

export function showUpstream(ready, metrics) {
  const upstream = place('upstream');
  say(upstream, ready.upstream === 'ok' ? 'The upstream answers.' : ready.upstream);
  upstream.className = ready.upstream === 'ok' ? 'good' : 'wrong';
  const statuses = new Map();
  for (const { name, labels, value } of metrics) {
    if (name === 'pool_proxy_http_requests_total') statuses.set(labels.status, (statuses.get(labels.status) ?? 0) + value);
  }
  const answers = [...statuses].filter(([, value]) => value > 0).sort();
  const all = answers.reduce((total, [, value]) => total + value, 0);
  const bars = answers.map(([status, value]) => bar(status, value, all, count(value), status < 400 ? 'hit' : 'bypass'));
  fill(place('answers'), ...(bars.length ? bars : [make('li', { class: 'quiet' }, 'Nobody has asked yet.')]));
}
