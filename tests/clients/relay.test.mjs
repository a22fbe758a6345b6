// Prisma's client with its extension, unmodified, at a relay on its own machine: what it invalidates is gone at the proxy, and
// nobody else hears of it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withAccelerate } from '@prisma/extension-accelerate';
import { client } from './prisma-client.mjs';

const { POOL_PROXY_URL: RELAY, POOL_PROXY_TEST_KEY: KEY } = process.env;

const folder = mkdtempSync(join(tmpdir(), 'pool-proxy-relay-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const asked = [];
const fetched = globalThis.fetch;
globalThis.fetch = (resource, init) => {
  asked.push(new URL(resource?.url ?? resource).origin);
  assert.equal(asked.at(-1), RELAY, 'somebody else would get the key');
  return fetched(resource, init);
};

const { PrismaClient } = await client(fileURLToPath(new URL('prisma-neon.prisma', import.meta.url)), folder);

/** What the cache says to a read with this tag. */
async function read(tag) {
  const headers = { authorization: `Bearer ${KEY}`, 'cache-control': 'max-age=60', 'cache-tag': tag };
  const body = JSON.stringify({ query: `SELECT '${tag}' AS tag` });
  const answer = await fetch(`${RELAY}/sql`, { method: 'POST', headers, body });
  assert.equal(answer.status, 200, await answer.text());
  return answer.headers.get('cache-status');
}

describe('Prisma’s client at a relay', () => {
  const accelerateUrl = `${RELAY.replace('http:', 'prisma+postgres:')}/?api_key=${encodeURIComponent(KEY)}`;
  const prisma = new PrismaClient({ accelerateUrl }).$extends(withAccelerate());

  test('invalidates by tag, and everything', async () => {
    for (const [act, others] of [
      [() => prisma.$accelerate.invalidate({ tags: ['mine'] }), /hit/],
      [() => prisma.$accelerate.invalidateAll(), /miss/],
    ]) {
      await read('mine');
      await read('yours');
      assert.match(await read('mine'), /hit/);
      await act();
      assert.match(await read('mine'), /miss/);
      assert.match(await read('yours'), others);
    }
  });

  test('tells of a wrong key', async () => {
    const wrong = new PrismaClient({ accelerateUrl: `${accelerateUrl}x` }).$extends(withAccelerate());
    await assert.rejects(wrong.$accelerate.invalidateAll(), /Response was 401/);
  });
});
