// The cache, as applications ask for it by Accelerate's extension, unmodified.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { direct, failure, made, prisma, URL_OF_PROXY } from './fixture.mjs';
import { connect } from './versions.mjs';

const accelerated = connect(made, URL_OF_PROXY).$extends(made.withAccelerate());
after(() => accelerated.$disconnect());

const rename = (name) => direct.query('UPDATE "User" SET name = $1 WHERE id = 1', [name]);

/** A name that no other test has: what is cached is told apart by it. */
let last = 0;
const different = () => ({ name: { not: `nobody ${(last += 1)}` } });

/** Asks for the name of a user, as a question of its own. */
const asks = (cacheStrategy, where = different()) => {
  const ask = () => accelerated.user.findFirst({ where: { id: 1, ...where }, ...(cacheStrategy && { cacheStrategy }) }).withAccelerateInfo();
  return async () => {
    const { data, info } = await ask();
    return { name: data.name, info, status: info?.cacheStatus };
  };
};

describe('what is kept', () => {
  test('for its time, and told', async () => {
    const ask = asks({ ttl: 60 });
    const miss = await ask();
    assert.deepEqual([miss.name, miss.status], ['Alice', 'miss']);
    await rename('Alicia');
    const hit = await ask();
    assert.deepEqual([hit.name, hit.status], ['Alice', 'ttl']);
    assert.ok(hit.info.lastModified instanceof Date && Math.abs(hit.info.lastModified - Date.now()) < 60_000);
    assert.ok(hit.info.requestId.length > 5 && hit.info.region.length > 0 && hit.info.signature.length > 5, JSON.stringify(hit.info));
    assert.equal((await asks(undefined)()).name, 'Alicia');
  });

  test('nothing unless asked', async () => {
    const ask = asks(undefined);
    assert.equal((await ask()).status, 'none');
    assert.equal((await ask()).status, 'none');
  });

  test('is served stale while a new answer comes', async () => {
    const ask = asks({ ttl: 1, swr: 60 });
    assert.equal((await ask()).status, 'miss');
    await rename('Alicia');
    await sleep(1100);
    const stale = await ask();
    assert.deepEqual([stale.name, stale.status], ['Alice', 'swr']);
    const deadline = Date.now() + 20_000;
    let fresh = await ask();
    while (fresh.name !== 'Alicia') {
      assert.ok(Date.now() < deadline, fresh.status);
      await sleep(50);
      fresh = await ask();
    }
  });

  test('of every read, and with all that is in it', async () => {
    const cacheStrategy = { ttl: 60 };
    const { user, post } = accelerated;
    const where = different();
    const many = Array.from({ length: 150 }, (_, index) => index + 1);
    const reads = {
      findUnique: () => user.findUnique({ where: { id: 1, ...where }, include: { posts: true }, cacheStrategy }),
      findMany: () => user.findMany({ where, orderBy: { id: 'asc' }, cacheStrategy }),
      manyIds: () => user.findMany({ where: { ...where, id: { in: many } }, orderBy: { id: 'asc' }, cacheStrategy }),
      count: () => user.count({ where, cacheStrategy }),
      aggregate: () => post.aggregate({ where: { author: where }, _sum: { likes: true }, cacheStrategy }),
      groupBy: () => user.groupBy({ by: 'role', where, _count: true, orderBy: { role: 'asc' }, cacheStrategy }),
    };
    for (const [name, read] of Object.entries(reads)) {
      const first = await read().withAccelerateInfo();
      const second = await read().withAccelerateInfo();
      assert.deepEqual([first.info.cacheStatus, second.info.cacheStatus], ['miss', 'ttl'], name);
      assert.deepEqual(second.data, first.data, name);
    }
  });

  test('no write, and nothing within a transaction', async () => {
    const cacheStrategy = { ttl: 60 };
    for (const views of [1, 2]) {
      const update = accelerated.post.update({ where: { id: 1 }, data: { views: { increment: 1 } }, cacheStrategy });
      assert.equal((await update).views, 100 + views);
    }
    const where = { id: 1, ...different() };
    await accelerated.user.findFirst({ where, cacheStrategy });
    await accelerated.$transaction(async (tx) => {
      await tx.user.update({ where: { id: 1 }, data: { name: 'Inside' } });
      assert.equal((await tx.user.findFirst({ where, cacheStrategy })).name, 'Inside');
    });
  });

  test('no failure', async () => {
    const ask = () => accelerated.user.findFirstOrThrow({ where: { email: 'f@x.io' }, cacheStrategy: { ttl: 60 } });
    assert.equal((await failure(ask())).code, 'P2025');
    await prisma.user.create({ data: { email: 'f@x.io' } });
    assert.equal((await ask()).email, 'f@x.io');
  });
});

describe('what is forgotten', () => {
  test('by its tags', async () => {
    const [kept, gone] = [asks({ ttl: 60, tags: ['kept'] }), asks({ ttl: 60, tags: ['gone', 'other'] })];
    await kept();
    await gone();
    await rename('Alicia');
    await accelerated.$accelerate.invalidate({ tags: ['gone'] });
    assert.deepEqual([(await kept()).name, (await gone()).name], ['Alice', 'Alicia']);
  });

  test('all of it', async () => {
    const ask = asks({ ttl: 60 });
    await ask();
    await rename('Alicia');
    await accelerated.$accelerate.invalidateAll();
    assert.equal((await ask()).name, 'Alicia');
  });

  test('not by what is no tag', async () => {
    const error = await failure(accelerated.$accelerate.invalidate({ tags: ['no tag!'] }));
    assert.match(error.message, /Failed to invalidate Accelerate cache\. Response was 400/);
  });
});
