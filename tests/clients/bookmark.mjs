// Behind the README's example of a session: what it knows is sent, and holds at another proxy. That one is at
// http://127.0.0.1:8080 here.

import assert from 'node:assert/strict';

const FAR = 'http://127.0.0.1:8080/sql';
const near = neonConfig.fetchEndpoint;
const url = (key, options = '') => `postgresql://app:${encodeURIComponent(key)}@proxy/default${options}`;
const farKey = 'FAR_KEY';

/** What the driver sends and is told while `work` runs. */
async function seen(work) {
  const all = [];
  const real = globalThis.fetch;
  globalThis.fetch = async (address, init) => {
    const answer = await real(address, init);
    all.push([init.headers['Pool-Bookmark'], answer.headers.get('pool-bookmark')]);
    return answer;
  };
  try {
    await work();
  } finally {
    globalThis.fetch = real;
  }
  return all;
}

await sql`insert into visits values (0)`;
const far = neon(url(farKey), { fetchOptions: { session } });
for (let n = 1; n <= 30; n += 1) {
  neonConfig.fetchEndpoint = near;
  const before = session.bookmark;
  const [[sent, told]] = await seen(() => sql`update visits set n = ${n}`);
  assert.equal(sent, before);
  assert.ok(place(told) > place(before), `${told} after ${before}`);
  assert.equal(session.bookmark, told);
  neonConfig.fetchEndpoint = FAR;
  for (let again = 0; again < 2; again += 1) {
    const [[known]] = await seen(async () => assert.deepEqual(await far`select n from visits`, [{ n }]));
    assert.ok(place(known) >= place(told));
  }
  // The connection string says it, too.
  assert.deepEqual(await neon(url(farKey, `?bookmark=${told}`))`select n from visits`, [{ n }]);
}

// Another session knows nothing of it.
const [[none]] = await seen(() => neon(url(farKey), { fetchOptions: { session: {} } })`select n from visits`);
assert.equal(none, undefined);
await assert.rejects(() => neon(url(farKey, '?bookmark=yesterday'))`select 1`, /Pool-Bookmark: a log sequence number/);

console.log('all is well');
