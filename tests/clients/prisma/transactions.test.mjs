// Transactions of Prisma's client, unmodified, over the proxy.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, known, made, prisma, value } from './fixture.mjs';

const views = (id) => value('SELECT views FROM "Post" WHERE id = $1', [id]);

const add = (client, id, number) => client.post.update({ where: { id }, data: { views: { increment: number } } });

describe('a list', () => {
  test('is done together, and answers in order', async () => {
    const [post, count, raw] = await prisma.$transaction([
      add(prisma, 1, 1), prisma.post.count(), prisma.$queryRaw`SELECT views FROM "Post" WHERE id = 1`,
    ]);
    assert.deepEqual([post.views, count, raw], [101, 7, [{ views: 101 }]]);
  });

  test('is undone together', async () => {
    await known(prisma.$transaction([add(prisma, 1, 1), prisma.user.create({ data: { email: 'alice@x.io' } })]), 'P2002');
    await known(prisma.$transaction([add(prisma, 1, 1), add(prisma, 99, 1)], { isolationLevel: 'Serializable' }), 'P2025');
    assert.equal(await views(1), 100);
  });
});

describe('a function', () => {
  test('sees what it has written, and others only in the end', async () => {
    const result = await prisma.$transaction(async (tx) => {
      await add(tx, 1, 1);
      assert.equal((await tx.post.findUnique({ where: { id: 1 } })).views, 101);
      assert.equal(await views(1), 100);
      await tx.user.create({ data: { email: 'f@x.io', posts: { create: { title: 'nested' } } } });
      return tx.$executeRaw`UPDATE "Post" SET views = views + 1 WHERE id = 2`;
    });
    assert.equal(result, 1);
    assert.deepEqual([await views(1), await views(2)], [101, 51]);
  });

  test('that throws has changed nothing', async () => {
    const error = await failure(
      prisma.$transaction(async (tx) => {
        await add(tx, 1, 1);
        throw new Error('enough');
      }),
    );
    assert.equal(error.message, 'enough');
    assert.equal(await views(1), 100);
  });

  test('that has caught a failure of Postgres is over', async () => {
    await prisma.$transaction(async (tx) => {
      await known(tx.user.create({ data: { email: 'alice@x.io' } }), 'P2002');
      const error = await known(tx.post.count(), 'P2039');
      assert.match(error.message, /25P02/);
    }).catch(() => {});
    assert.equal(await value(`SELECT count(*)::int FROM "User"`), 5);
  });

  test('within another can be undone alone', async () => {
    await prisma.$transaction(async (tx) => {
      await add(tx, 1, 1);
      await failure(
        tx.$transaction(async (inner) => {
          await add(inner, 2, 1);
          throw new Error('enough');
        }),
      );
      await tx.$transaction(async (inner) => add(inner, 4, 1));
    });
    assert.deepEqual([await views(1), await views(2), await views(4)], [101, 50, 11]);
  });

  test('is as isolated as it asks', async () => {
    for (const isolationLevel of ['ReadUncommitted', 'ReadCommitted', 'RepeatableRead', 'Serializable']) {
      const [{ level }] = await prisma.$transaction((tx) => tx.$queryRaw`SELECT current_setting('transaction_isolation') AS level`, { isolationLevel });
      assert.equal(level.replace(' ', ''), isolationLevel.toLowerCase());
    }
  });

  test('that runs out of time is undone at once', async () => {
    const work = prisma.$transaction(
      async (tx) => {
        await add(tx, 1, 1);
        await sleep(1500);
        await add(tx, 2, 1);
      },
      { timeout: 400 },
    );
    const error = await known(work, 'P2028');
    assert.match(error.message, /Transaction API error: A query cannot be executed on an expired transaction\. The timeout for this transaction was 400 ms, however \d+ ms passed/);
    assert.deepEqual([error.meta.operation, error.meta.timeout], ['query', 400]);
    assert.deepEqual([await views(1), await views(2)], [100, 50]);
  });

  test('whose time has run out holds up nobody', async () => {
    const held = prisma.$transaction(
      async (tx) => {
        await add(tx, 1, 1);
        // Blocked until the first is undone.
        await add(prisma, 1, 10);
      },
      { timeout: 500 },
    );
    await known(held, 'P2028');
    assert.equal(await views(1), 110);
  });

  test('that finds another in its way is to be tried again', async () => {
    const work = prisma.$transaction(
      async (tx) => {
        await tx.post.findUnique({ where: { id: 1 } });
        await add(prisma, 1, 1);
        await add(tx, 1, 1);
      },
      { isolationLevel: 'RepeatableRead' },
    );
    await known(work, 'P2034');
    assert.equal(await views(1), 101);
  });

  test('whose commit fails says so', async () => {
    const level = { isolationLevel: 'Serializable' };
    const sum = (client) => client.post.aggregate({ _sum: { views: true } });
    const tally = prisma.$transaction(async (tx) => {
      await sum(tx);
      await prisma.$transaction(async (other) => {
        await sum(other);
        // Each writes what the other has read, and both before either ends.
        await add(tx, 1, 1);
        await add(other, 2, 1);
      }, level);
    }, level);
    await known(tally, 'P2034');
    assert.deepEqual([await views(1), await views(2)], [100, 51]);
  });

  test('is closed when it is over', async () => {
    let left;
    await prisma.$transaction(async (tx) => {
      left = tx;
    });
    const error = await known(left.post.count(), 'P2028');
    assert.match(error.message, /Transaction already closed|Transaction not found|cannot be executed on a committed transaction/);
  });

  test('many at once wait for each other', async () => {
    const work = Array.from({ length: 30 }, () => prisma.$transaction((tx) => add(tx, 1, 1), { maxWait: 30_000, timeout: 30_000 }));
    await Promise.all(work);
    assert.equal(await views(1), 130);
  });
});

test('a transaction gets the time that it has to begin in', async () => {
  let open;
  const gate = new Promise((resolve) => {
    open = resolve;
  });
  const held = Array.from({ length: 12 }, () => prisma.$transaction(() => gate));
  const deadline = Date.now() + 10_000;
  let error;
  // Until all are held that may be.
  while (error === undefined && Date.now() < deadline) {
    error = await prisma.$transaction((tx) => tx.post.count(), { maxWait: 300 }).then(() => undefined, (failed) => failed);
  }
  open();
  await Promise.allSettled(held);
  assert.ok(error instanceof made.Prisma.PrismaClientKnownRequestError, String(error));
  assert.equal(error.code, 'P2028');
  assert.match(error.message, /Unable to start a transaction in the given time/);
});
