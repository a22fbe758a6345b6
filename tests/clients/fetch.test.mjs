// `fetch` as Node has it, without a driver.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { connectionString, direct, KEY, PROXY } from './proxy.mjs';

/** Asks `/sql`; the status, the headers and the body as JSON. */
async function ask(body, headers = {}, path = '/sql') {
  const answer = await fetch(`${PROXY}${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${KEY}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

before(() => direct.query('CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL)'));

beforeEach(async () => {
  await direct.query(`TRUNCATE person; INSERT INTO person VALUES (1, 'Ada'), (2, 'Brontë')`);
  await ask({ tags: 'all' }, {}, '/invalidate');
});

describe('fetch', () => {
  test('a query with parameters', async () => {
    const query = 'SELECT id, name, $2::int8 AS big, $3::jsonb AS document FROM person WHERE id = $1';
    const { status, headers, body } = await ask({ query, params: [2, '9007199254740993', { a: [1, null] }] });
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.match(headers.get('x-request-id'), /./);
    assert.equal(headers.get('cache-status'), null);
    assert.deepEqual(body.rows, [{ id: 2, name: 'Brontë', big: '9007199254740993', document: { a: [1, null] } }]);
    assert.deepEqual([body.command, body.rowCount, body.rowAsArray], ['SELECT', 1, false]);
    assert.deepEqual(body.fields.map(({ name, dataTypeID }) => [name, dataTypeID]), [['id', 23], ['name', 25], ['big', 20], ['document', 3802]]);
  });

  test('rows as lists, and values as Postgres prints them', async () => {
    const headers = { 'Neon-Array-Mode': 'true', 'Neon-Raw-Text-Output': 'true' };
    const { body } = await ask({ query: `SELECT 1 AS a, true AS a, null AS a, '{ "b":1 }'::json AS a` }, headers);
    assert.deepEqual([body.rows, body.rowAsArray], [[['1', 't', null, '{ "b":1 }']], true]);
  });

  test('a batch, all or nothing', async () => {
    const batch = (last) => ({
      queries: [{ query: 'UPDATE person SET name = $1 WHERE id = $2', params: ['Augusta', 1] }, { query: last }],
    });
    const names = async () => (await direct.query('SELECT name FROM person ORDER BY id')).rows.map(({ name }) => name);
    const failed = await ask(batch('SELECT 1/0'));
    assert.deepEqual([failed.status, failed.body.code, failed.body.queryIndex], [400, '22012', 1]);
    assert.deepEqual(await names(), ['Ada', 'Brontë']);
    const headers = { 'Neon-Batch-Isolation-Level': 'Serializable', 'Neon-Batch-Read-Only': 'false' };
    const { status, body } = await ask(batch('SHOW transaction_isolation'), headers);
    assert.equal(status, 200);
    assert.deepEqual(body.results.map(({ command, rows }) => [command, rows]), [
      ['UPDATE', []], ['SHOW', [{ transaction_isolation: 'serializable' }]],
    ]);
    assert.deepEqual(await names(), ['Augusta', 'Brontë']);
    const readOnly = await ask(batch('SELECT 1'), { 'Neon-Batch-Read-Only': 'true' });
    assert.deepEqual([readOnly.status, readOnly.body.code], [400, '25006']);
  });

  test('an error of Postgres', async () => {
    const { status, headers, body } = await ask({ query: 'INSERT INTO person VALUES ($1, $2)', params: [1, 'Ada'] });
    assert.equal(status, 400);
    assert.deepEqual([body.code, body.severity, body.table, body.constraint], ['23505', 'ERROR', 'person', 'person_pkey']);
    assert.equal(body.detail, 'Key (id)=(1) already exists.');
    assert.equal(body.requestId, headers.get('x-request-id'));
  });

  test('a body that is none', async () => {
    for (const body of ['', '{', '[]', '{"query": 1}', '{"queries": {}}', '{"query": "SELECT 1", "params": {}}']) {
      const answer = await ask(body);
      assert.equal(answer.status, 400, body);
      assert.equal(typeof answer.body.message, 'string', body);
    }
  });

  test('the cache, and invalidation by tag', async () => {
    const name = async (headers) => {
      const answer = await ask({ query: 'SELECT name FROM person WHERE id = 1' }, headers);
      return [answer.body.rows[0].name, answer.headers.get('cache-status')];
    };
    const wish = { 'Cache-Control': 'max-age=60', 'Cache-Tag': 'people, names' };
    assert.deepEqual(await name(wish), ['Ada', 'pool-proxy; fwd=miss; stored']);
    await direct.query(`UPDATE person SET name = 'Augusta' WHERE id = 1`);
    const [kept, hit] = await name(wish);
    assert.equal(kept, 'Ada');
    assert.match(hit, /^pool-proxy; hit; ttl=\d+$/);
    assert.deepEqual(await name(), ['Augusta', null]);
    const others = await ask({ tags: ['others'] }, {}, '/invalidate');
    assert.deepEqual([others.status, others.body], [200, {}]);
    assert.equal((await name(wish))[0], 'Ada');
    assert.equal((await ask({ tags: ['names'] }, {}, '/invalidate')).status, 200);
    assert.deepEqual(await name(wish), ['Augusta', 'pool-proxy; fwd=miss; stored']);
  });

  test('a copy of an answer, asked about again', async () => {
    const query = { query: 'SELECT name FROM person WHERE id = 1' };
    const asked = async (headers) => {
      const address = { 'Neon-Connection-String': connectionString({ cache_max_age: '60' }) };
      const answer = await fetch(`${PROXY}/sql`, { method: 'POST', headers: { ...address, ...headers }, body: JSON.stringify(query) });
      return [answer.status, await answer.text(), answer.headers.get('cache-status'), answer.headers.get('etag')];
    };
    const [, text, , tag] = await asked({});
    assert.match(tag, /^W\/"[\w-]{22}"$/);
    for (const control of ['max-age=60', 'no-transform']) {
      const [status, body, told, again] = await asked({ 'If-None-Match': tag, 'Cache-Control': control });
      assert.deepEqual([status, body, again], [304, '', tag]);
      assert.match(told, /^pool-proxy; hit; ttl=\d+$/);
    }
    // With that header fetch says `no-cache` by itself, if nothing else is said.
    assert.deepEqual(await asked({ 'If-None-Match': tag }), [200, text, null, null]);
    await direct.query(`UPDATE person SET name = 'Augusta' WHERE id = 1`);
    await ask({ tags: 'all' }, {}, '/invalidate');
    const [status, changed, , other] = await asked({ 'If-None-Match': tag, 'Cache-Control': 'max-age=60' });
    assert.equal(status, 200);
    assert.match(changed, /Augusta/);
    assert.notEqual(other, tag);
  });

  test('the key, as a bearer token or in a connection string', async () => {
    const query = { query: 'SELECT 1 AS one' };
    const asked = async (headers) => {
      const answer = await fetch(`${PROXY}/sql`, { method: 'POST', headers, body: JSON.stringify(query) });
      return [answer.status, (await answer.json()).rows];
    };
    assert.deepEqual(await asked({ Authorization: `Bearer ${KEY}` }), [200, [{ one: 1 }]]);
    assert.deepEqual(await asked({ 'Neon-Connection-String': connectionString() }), [200, [{ one: 1 }]]);
    assert.deepEqual(await asked({}), [401, undefined]);
    assert.deepEqual(await asked({ Authorization: 'Bearer nobody-knows-this-key' }), [401, undefined]);
    assert.deepEqual(await asked({ Authorization: `Basic ${KEY}` }), [401, undefined]);
    const invalidate = await fetch(`${PROXY}/invalidate`, { method: 'POST', body: '{"tags":"all"}' });
    assert.equal(invalidate.status, 401);
  });

  test('a request given up is cancelled', async () => {
    const running = async () =>
      (await direct.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%fetch-abort%' AND state = 'active'
        AND pid <> pg_backend_pid()`)).rows[0].n;
    const eventually = async (number) => {
      for (const deadline = Date.now() + 10_000; (await running()) !== number; ) {
        assert.ok(Date.now() < deadline, `not ${number} within 10 seconds`);
        await new Promise((wake) => setTimeout(wake, 20));
      }
    };
    const abort = new AbortController();
    const asked = fetch(`${PROXY}/sql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ query: 'SELECT pg_sleep(300) /* fetch-abort */' }),
      signal: abort.signal,
    });
    const refused = assert.rejects(asked, { name: 'AbortError' });
    await eventually(1);
    abort.abort();
    await refused;
    await eventually(0);
  });
});
