// What README.md tells an application that comes from Prisma Accelerate to write, as it stands there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { direct, made, URL_OF_PROXY } from './fixture.mjs';

const HOSTED = 'https://accelerate.prisma-data.net';
// By the client's rule: an address that begins like that of this machine is asked over HTTP.
const ORIGIN = new URL(URL_OF_PROXY.replace(/^prisma\+postgres:/, 'http:').replace(/^prisma:/, 'https:')).origin;

const asked = [];
const original = globalThis.fetch;
globalThis.fetch = (url, init) => {
  asked.push(String(url));
  if (String(url).startsWith(HOSTED)) throw new Error('the key would leave');
  return original(url, init);
};
after(() => {
  globalThis.fetch = original;
});

/** The code of README.md, for this proxy. */
function code() {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, block] = /## Moving from Prisma Accelerate[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme);
  const told = block.replace('prisma://db.example.com/?api_key=KEY', URL_OF_PROXY).replace('https://db.example.com', ORIGIN);
  assert.ok(!told.includes('example.com'), told);
  return told;
}

/** PrismaClient as the application's, which for Prisma 7 is made with the URL in the code. */
const run = (text) => new Function('PrismaClient', 'withAccelerate', `${text}; return prisma;`)(made.PrismaClient, made.withAccelerate);

describe('a client that comes from Accelerate', () => {
  test('the key goes to nobody else', async () => {
    const prisma = run(code());
    const ask = () => prisma.user.findFirst({ where: { id: 1 }, cacheStrategy: { ttl: 60, tags: ['moving'] } });
    const { name } = await ask();
    await direct.query('UPDATE "User" SET name = $1 WHERE id = 1', ['Moved']);
    assert.equal((await ask()).name, name);
    await prisma.$accelerate.invalidate({ tags: ['moving'] });
    assert.equal((await ask()).name, 'Moved');
    await prisma.$accelerate.invalidateAll();
    await prisma.$disconnect();
    assert.ok(asked.includes(`${ORIGIN}/invalidate`), asked.join('\n'));
  });

  test('without it, it would go to the hosted service', async () => {
    const prisma = run(code().replace(/withAccelerate\(.*\),\n/, 'withAccelerate(),\n'));
    await assert.rejects(prisma.$accelerate.invalidate({ tags: ['moving'] }));
    await prisma.$disconnect();
    assert.ok(asked.includes(`${HOSTED}/invalidate`), asked.join('\n'));
  });
});
