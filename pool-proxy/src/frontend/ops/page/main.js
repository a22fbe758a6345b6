// Asks again and again, and has it shown.

import { say } from './drawing.js';
import { Refused, json, metrics, remove, token } from './fetching.js';
import { showCache, showNow, showPools, showUpstream } from './panels.js';
import { chosen, prepare, showKeys, showStatements } from './tables.js';

/** How often it asks, in milliseconds; for readiness, which takes a connection for a moment, each fifth time. */
const PAUSE = 2000;

const { kind } = document.body.dataset;
const place = (id) => document.getElementById(id);

let paused = false;
let before;
let looks = 0;
let timer;
let looking = false;
let again = false;

for (const part of document.querySelectorAll('[data-of]')) part.hidden = part.dataset.of !== kind;

function state(word, look) {
  say(place('state').querySelector('.word'), word);
  place('state').dataset.look = look;
}

function notice(text) {
  place('notice').hidden = !text;
  say(place('notice'), text ?? '');
}

/** Asks for the token; `wrong` if there was one. */
function shut(wrong) {
  place('shown').hidden = true;
  place('door').hidden = false;
  say(place('refused'), wrong ? 'That is not the token.' : '');
  state('Locked', 'idle');
  place('pause').hidden = true;
  place('token').focus();
}

async function ready() {
  const said = await json('/ready');
  const reasons = Object.entries(said.databases ?? { upstream: said.upstream }).filter(([, word]) => word !== 'ok');
  notice(said.ready ? null : [said.reason, ...reasons.map(([name, word]) => `${name}: ${word}`)].filter(Boolean).join('; '));
  state(said.ready ? 'Ready' : 'Not ready', said.ready ? 'good' : 'wrong');
  return said;
}

let said;

async function look() {
  if (looks % 5 === 0) said = await ready();
  looks += 1;
  const paths = kind === 'relay' ? [] : ['/pools', '/cache', `/statements?limit=50&order=${chosen()}`, '/keys'];
  const [counted, pools, cache, statements, keys] = await Promise.all([metrics(), ...paths.map(json)]);
  const now = { at: performance.now(), metrics: counted };
  place('door').hidden = true;
  place('shown').hidden = false;
  place('pause').hidden = false;
  const { version = '', region = '' } = counted.find((one) => one.name === 'pool_proxy_build_info')?.labels ?? {};
  say(place('build'), [kind === 'relay' ? 'relay' : '', version, region].filter(Boolean).join(' · '));
  showNow(now, before, kind);
  before = now;
  if (kind === 'relay') return showUpstream(said, counted);
  showPools(pools);
  showCache(cache, statements, counted);
  showStatements(statements);
  showKeys(keys);
}

/** Looks, and plans the next look: one at a time, none while nobody sees it. */
async function run() {
  clearTimeout(timer);
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    await look();
  } catch (error) {
    before = undefined;
    looks = 0;
    if (error instanceof Refused) {
      const wrong = token.get() !== null;
      token.forget();
      looking = again = false;
      return shut(wrong);
    }
    state('Out of reach', 'wrong');
    notice(`The proxy does not answer: ${error.message}`);
  }
  looking = false;
  if (again) {
    again = false;
    return run();
  }
  if (!paused && !document.hidden) timer = setTimeout(run, PAUSE);
}

place('door').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set(place('token').value);
  place('token').value = '';
  run();
});

place('pause').addEventListener('click', () => {
  paused = !paused;
  place('pause').setAttribute('aria-pressed', String(paused));
  say(place('pause'), paused ? 'Go on' : 'Pause');
  if (paused) clearTimeout(timer);
  else run();
});

// What counts from now on cannot be brought back, so it is asked twice.
let sure;
place('reset').addEventListener('click', async () => {
  const button = place('reset');
  if (!sure) {
    say(button, 'Forget all counts?');
    sure = setTimeout(() => {
      sure = undefined;
      say(button, 'Start anew');
    }, 4000);
    return;
  }
  clearTimeout(sure);
  sure = undefined;
  say(button, 'Start anew');
  await remove('/statements').catch((error) => notice(error.message));
  run();
});

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !paused && place('door').hidden) run();
});

prepare(run);
run();
