// Reading with Prisma's client, unmodified, over the proxy.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { direct, failure, made, prisma } from './fixture.mjs';

describe('rows', () => {
  test('one, by each of its keys, or none', async () => {
    const alice = await prisma.user.findUnique({ where: { id: 1 } });
    assert.deepEqual(alice, {
      id: 1, email: 'alice@x.io', name: 'Alice', age: 34, score: 9.5, role: 'ADMIN', createdAt: new Date('2024-01-01T10:00:00.123Z'),
      updatedAt: new Date('2024-01-02T10:00:00Z'), managerId: null,
    });
    assert.deepEqual(Object.keys(alice).slice(0, 3), ['id', 'email', 'name']);
    assert.deepEqual(await prisma.user.findUnique({ where: { email: 'alice@x.io' } }), alice);
    assert.equal(await prisma.user.findUnique({ where: { id: 99 } }), null);
    const key = { teamOrg_teamSlug_userId: { teamOrg: 'acme', teamSlug: 'core', userId: 2 } };
    assert.equal((await prisma.membership.findUniqueOrThrow({ where: key })).level, 1);
  });

  test('filtered, sorted, a part of them', async () => {
    const posts = await prisma.post.findMany({
      where: { published: true, OR: [{ title: { contains: 'BOB', mode: 'insensitive' } }, { views: { gte: 50 } }], NOT: { tags: { has: 'c' } } },
      orderBy: [{ author: { email: 'desc' } }, { views: 'asc' }],
      select: { title: true },
      take: 5,
    });
    assert.deepEqual(posts, [{ title: 'World' }, { title: 'Hello' }]);
    const page = await prisma.post.findMany({ cursor: { id: 3 }, skip: 1, take: 2, orderBy: { id: 'asc' }, select: { id: true } });
    assert.deepEqual(page, [{ id: 4 }, { id: 5 }]);
    const last = await prisma.post.findMany({ take: -2, orderBy: { id: 'asc' }, select: { id: true } });
    assert.deepEqual(last, [{ id: 6 }, { id: 7 }]);
    const authors = await prisma.post.findMany({ distinct: ['authorId'], orderBy: { id: 'asc' }, select: { authorId: true } });
    assert.deepEqual(authors.map((it) => it.authorId), [1, 2, 3, 5]);
    assert.deepEqual(await prisma.post.findMany({ take: 0 }), []);
  });

  test('by what is related', async () => {
    const names = async (where) => (await prisma.user.findMany({ where, orderBy: { id: 'asc' } })).map(({ id }) => id);
    assert.deepEqual(await names({ posts: { some: { categories: { some: { name: 'db' } } } } }), [2]);
    assert.deepEqual(await names({ posts: { none: {} } }), [4]);
    assert.deepEqual(await names({ posts: { every: { published: true } }, manager: { is: { name: 'Alice' } } }), [2]);
    assert.deepEqual(await names({ profile: { isNot: null } }), [1, 2]);
  });

  test('by what is in JSON', async () => {
    const titles = async (meta) => (await prisma.post.findMany({ where: { meta }, orderBy: { id: 'asc' } })).map(({ title }) => title);
    assert.deepEqual(await titles({ path: ['nested', 's'], equals: 'x' }), ['Hello']);
    assert.deepEqual(await titles({ path: ['nested', 'arr'], array_contains: [2] }), ['Hello']);
    assert.deepEqual(await titles({ equals: made.Prisma.JsonNull }), ['Carol 1']);
    assert.deepEqual(await titles({ equals: made.Prisma.DbNull }), ['Draft']);
  });

  test('several at once become one request', async () => {
    const before = globalThis.fetch;
    let requests = 0;
    globalThis.fetch = (...args) => ((requests += 1), before(...args));
    try {
      const found = await Promise.all([3, 1, 99].map((id) => prisma.user.findUnique({ where: { id } })));
      assert.deepEqual(found.map((user) => user?.name), ['Carol', 'Alice', undefined]);
    } finally {
      globalThis.fetch = before;
    }
    assert.equal(requests, 1);
  });
});

describe('with what is related', () => {
  test('of one, of many, of many to many, and how many', async () => {
    const found = await prisma.user.findMany({
      where: { id: { in: [1, 4] } },
      orderBy: { id: 'asc' },
      select: {
        name: true,
        manager: { select: { name: true } },
        profile: { select: { bio: true } },
        posts: { orderBy: { id: 'desc' }, take: 2, select: { title: true, likes: true, categories: { orderBy: { name: 'asc' }, select: { name: true } } } },
        _count: { select: { posts: { where: { published: true } }, friendOf: true } },
      },
    });
    assert.deepEqual(found, [
      {
        name: 'Alice', manager: null, profile: { bio: 'hello' },
        posts: [{ title: 'Draft', likes: 0n, categories: [] }, { title: 'World', likes: 5n, categories: [{ name: 'tech' }] }],
        _count: { posts: 2, friendOf: 2 },
      },
      { name: null, manager: { name: 'Bob' }, profile: null, posts: [], _count: { posts: 0, friendOf: 0 } },
    ]);
  });

  test('several levels down, with values of every kind', async () => {
    const category = await prisma.category.findFirstOrThrow({
      where: { name: 'tech' },
      include: { children: { orderBy: { id: 'asc' }, include: { posts: { orderBy: { id: 'asc' }, include: { author: true, comments: true } } } } },
    });
    const [rust, db] = category.children;
    assert.deepEqual([rust.name, db.name], ['rust', 'db']);
    const [hello] = rust.posts;
    assert.equal(hello.likes, 9007199254740993n);
    assert.deepEqual(hello.meta, { k: 1, nested: { arr: [1, 2, 3], s: 'x' } });
    assert.deepEqual(hello.createdAt, new Date('2024-03-01T00:00:00Z'));
    assert.equal(hello.author.role, 'ADMIN');
    assert.deepEqual(hello.comments.map(({ authorId }) => authorId).sort(), [2, 3, null]);
  });
});

test('of a row that is not there nothing is asked for that Postgres could refuse', async () => {
  const include = { scalars: { orderBy: { jsonplain: 'asc' } }, friends: { orderBy: { id: 'asc' } } };
  assert.equal(await prisma.user.findUnique({ where: { id: 99 }, include }), null);
  assert.match((await failure(prisma.user.findUnique({ where: { id: 1 }, include }))).message, /ordering operator for type json/);
});

describe('figures', () => {
  test('count and aggregate', async () => {
    assert.equal(await prisma.post.count({ where: { published: true } }), 5);
    assert.deepEqual(await prisma.user.count({ select: { _all: true, age: true } }), { _all: 5, age: 4 });
    const figures = await prisma.post.aggregate({
      _sum: { views: true, likes: true }, _avg: { views: true }, _min: { createdAt: true }, _max: { title: true }, _count: true,
    });
    assert.deepEqual(figures, {
      _count: 7, _sum: { views: 192, likes: 9007199254741000n }, _avg: { views: 192 / 7 }, _min: { createdAt: new Date('2024-03-01T00:00:00Z') },
      _max: { title: 'World' },
    });
    const decimals = await prisma.decKey.aggregate({ _sum: { id: true } });
    assert.equal(decimals._sum.id.toString(), '13.625');
  });

  test('groups, and which of them', async () => {
    const groups = await prisma.post.groupBy({
      by: ['authorId', 'published'], _count: { _all: true }, _sum: { views: true }, having: { views: { _sum: { gt: 5 } } },
      orderBy: [{ authorId: 'asc' }, { published: 'desc' }],
    });
    assert.deepEqual(groups, [
      { authorId: 1, published: true, _count: { _all: 2 }, _sum: { views: 150 } },
      { authorId: 2, published: true, _count: { _all: 2 }, _sum: { views: 30 } },
      { authorId: 5, published: true, _count: { _all: 1 }, _sum: { views: 7 } },
    ]);
  });

  test('a view', async () => {
    assert.deepEqual(await prisma.postStats.findUnique({ where: { authorId: 2 } }), { authorId: 2, n: 2n, avgViews: 15 });
  });
});

describe('raw SQL', () => {
  test('values of many types', async () => {
    const bytes = new Uint8Array([0, 255]);
    const [row] = await prisma.$queryRaw`SELECT ${1}::int AS i, ${9007199254740993n}::int8 AS b, 1.50::numeric AS d, ${'é'}::text AS t,
      ${true}::bool AS f, ${bytes}::bytea AS y, '2024-02-29 10:11:12.5+02'::timestamptz AS at, ${{ a: [1, null] }}::jsonb AS j,
      ARRAY[1, 2]::int[] AS l, NULL::text AS n, 2::oid AS o`;
    assert.equal(row.d.toString(), '1.5');
    assert.deepEqual({ ...row, d: 0 }, {
      i: 1, b: 9007199254740993n, d: 0, t: 'é', f: true, y: bytes, at: new Date('2024-02-29T08:11:12.500Z'), j: { a: [1, null] }, l: [1, 2], n: null,
      o: 2n,
    });
    assert.deepEqual(await prisma.$queryRawUnsafe('SELECT name FROM "User" WHERE id = $1', 2), [{ name: 'Bob' }]);
    assert.deepEqual(await prisma.$queryRaw`SELECT id FROM "User" WHERE false`, []);
  });

  test('a statement tells how many rows', async () => {
    assert.equal(await prisma.$executeRaw`UPDATE "Post" SET views = views + ${1} WHERE "authorId" = ${1}`, 3);
    const { rows } = await direct.query('SELECT sum(views)::int AS views FROM "Post" WHERE "authorId" = 1');
    assert.equal(rows[0].views, 153);
  });
});
