// Reads that nobody has asked to be cached, by a proxy that keeps them until they change.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prisma } from './fixture.mjs';

describe('what is kept', () => {
  test('is never older than the own last write', async () => {
    for (let turn = 0; turn < 30; turn += 1) {
      const name = `Alice ${turn}`;
      await prisma.user.update({ where: { id: 1 }, data: { name } });
      for (let again = 0; again < 4; again += 1) {
        const one = await prisma.user.findUnique({ where: { id: 1 } });
        const all = await prisma.user.findMany({ orderBy: { id: 'asc' }, include: { posts: true } });
        const count = await prisma.user.count({ where: { name } });
        assert.deepEqual([one.name, all[0].name, count], [name, name, 1]);
      }
    }
  });

  test('is every row of a list', async () => {
    const ids = [1, 2, 3, 4];
    const names = () => prisma.user.findMany({ where: { id: { in: ids } }, select: { id: true, name: true }, orderBy: { id: 'asc' } });
    for (let turn = 0; turn < 5; turn += 1) {
      for (const id of ids) {
        await names();
        await names();
        const name = `${id} in ${turn}`;
        await prisma.user.updateMany({ where: { id }, data: { name } });
        for (let again = 0; again < 3; again += 1) {
          const found = await names();
          assert.equal(found[id - 1].name, name);
        }
      }
    }
  });

  test('is not older after a transaction', async () => {
    const names = () => prisma.user.findMany({ select: { name: true }, orderBy: { id: 'asc' }, take: 2 });
    for (let turn = 0; turn < 20; turn += 1) {
      await names();
      await prisma.$transaction(async (transaction) => {
        await transaction.user.update({ where: { id: 1 }, data: { name: `first ${turn}` } });
        await transaction.user.update({ where: { id: 2 }, data: { name: `second ${turn}` } });
      });
      assert.deepEqual(await names(), [{ name: `first ${turn}` }, { name: `second ${turn}` }]);
    }
  });
});
