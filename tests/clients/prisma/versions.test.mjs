// Older clients, unmodified, each with the extension of its time: a little of everything.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { direct, failure, URL_OF_PROXY } from './fixture.mjs';
import { connect, load } from './versions.mjs';

for (const version of ['6.16', '6.19', '7.0', '7.4']) {
  const made = await load(version);
  const client = connect(made, URL_OF_PROXY).$extends(made.withAccelerate());

  describe(`Prisma ${version}`, () => {
    test('reads, with what is related', async () => {
      const [alice] = await client.user.findMany({
        where: { email: { in: ['alice@x.io', 'eve@x.io'] }, age: { gt: 20 }, posts: { some: { published: true } } },
        orderBy: { id: 'asc' },
        include: { posts: { orderBy: { id: 'asc' }, include: { categories: { orderBy: { id: 'asc' } } } }, profile: true, _count: { select: { friendOf: true } } },
      });
      assert.deepEqual([alice.role, alice.createdAt, alice.profile.bio], ['ADMIN', new Date('2024-01-01T10:00:00.123Z'), 'hello']);
      assert.deepEqual(alice.posts.map(({ likes }) => likes), [9007199254740993n, 5n, 0n]);
      assert.deepEqual(alice.posts[0].categories.map(({ name }) => name), ['tech', 'rust']);
      assert.deepEqual([alice.posts[0].meta, alice._count], [{ k: 1, nested: { arr: [1, 2, 3], s: 'x' } }, { friendOf: 2 }]);
      const { _sum, _count } = await client.post.aggregate({ _sum: { views: true }, _count: true });
      assert.deepEqual([_sum.views, _count], [192, 7]);
    });

    test('writes, also what is nested', async () => {
      const made = await client.user.create({
        data: { email: 'f@x.io', profile: { create: { bio: 'b' } }, posts: { create: [{ title: 'one', likes: 5n, meta: { a: [1] } }, { title: 'two' }] } },
        include: { posts: { orderBy: { id: 'asc' } }, profile: true },
      });
      assert.deepEqual(made.posts.map(({ title, likes, meta }) => [title, likes, meta]), [['one', 5n, { a: [1] }], ['two', 0n, null]]);
      const upserted = await client.category.upsert({ where: { name: 'tech' }, create: { name: 'x' }, update: { name: 'technology' } });
      assert.deepEqual([upserted.id, upserted.name], [1, 'technology']);
      assert.deepEqual(await client.post.updateMany({ where: { authorId: made.id }, data: { views: { increment: 3 } } }), { count: 2 });
      assert.deepEqual(await client.category.createMany({ data: [{ name: 'a' }, { name: 'b' }] }), { count: 2 });
      assert.deepEqual(await client.comment.deleteMany({ where: { authorId: null } }), { count: 1 });
    });

    test('raw SQL', async () => {
      const rows = await client.$queryRaw`SELECT id, likes, "createdAt" FROM "Post" WHERE id = ${1}`;
      assert.deepEqual(rows, [{ id: 1, likes: 9007199254740993n, createdAt: new Date('2024-03-01T00:00:00Z') }]);
      assert.equal(await client.$executeRaw`UPDATE "Post" SET views = 0 WHERE id <= ${2}`, 2);
    });

    test('transactions', async () => {
      const undone = client.$transaction(async (tx) => {
        await tx.post.update({ where: { id: 1 }, data: { views: 0 } });
        throw new Error('enough');
      });
      assert.equal((await failure(undone)).message, 'enough');
      const [post, count] = await client.$transaction([client.post.findUniqueOrThrow({ where: { id: 1 } }), client.post.count()]);
      assert.deepEqual([post.views, count], [100, 7]);
      assert.equal(await client.$transaction(async (tx) => (await tx.user.update({ where: { id: 1 }, data: { age: 5 } })).age), 5);
    });

    test('errors', async () => {
      assert.equal((await failure(client.user.create({ data: { email: 'alice@x.io' } }))).code, 'P2002');
      assert.equal((await failure(client.user.findUniqueOrThrow({ where: { id: 99 } }))).code, 'P2025');
      assert.equal((await failure(client.post.create({ data: { title: 'x', authorId: 99 } }))).code, 'P2003');
    });

    test('the cache', async () => {
      const name = { not: `nobody of ${version}` };
      const ask = () => client.user.findMany({ where: { name }, cacheStrategy: { ttl: 60, tags: ['users'] } }).withAccelerateInfo();
      assert.equal((await ask()).info.cacheStatus, 'miss');
      const hit = await ask();
      assert.deepEqual([hit.info.cacheStatus, hit.data.length], ['ttl', 4]);
      await direct.query(`DELETE FROM "User" WHERE email = 'dave@x.io' OR email = 'eve@x.io' AND false`);
      await client.$accelerate.invalidate({ tags: ['users'] });
      assert.equal((await ask()).info.cacheStatus, 'miss');
      await client.$disconnect();
    });
  });
}
