// Writing with Prisma's client, unmodified, over the proxy.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { made, prisma, value } from './fixture.mjs';

describe('single rows', () => {
  test('create, update, delete', async () => {
    const before = Date.now();
    const created = await prisma.user.create({ data: { email: 'f@x.io', name: `O'Hara` } });
    assert.deepEqual({ ...created, createdAt: 0, updatedAt: 0 }, {
      id: 6, email: 'f@x.io', name: `O'Hara`, age: null, score: 0, role: 'USER', createdAt: 0, updatedAt: 0, managerId: null,
    });
    assert.ok(created.updatedAt.getTime() >= before - 1000);
    const updated = await prisma.user.update({ where: { id: 6 }, data: { age: { set: 5 }, score: { increment: 2.5 }, role: 'GUEST' } });
    assert.deepEqual([updated.age, updated.score, updated.role], [5, 2.5, 'GUEST']);
    assert.equal(await value('SELECT role::text FROM "User" WHERE id = 6'), 'guest-user');
    assert.equal((await prisma.user.delete({ where: { email: 'f@x.io' } })).id, 6);
    assert.equal(await value('SELECT count(*)::int FROM "User"'), 5);
  });

  test('upsert makes or changes', async () => {
    const upsert = (name) =>
      prisma.user.upsert({ where: { email: 'f@x.io' }, create: { name, email: 'f@x.io' }, update: { name: { set: name } }, select: { id: true, name: true } });
    assert.deepEqual(await upsert('Fay'), { id: 6, name: 'Fay' });
    assert.deepEqual(await upsert('Faye'), { id: 6, name: 'Faye' });
  });

  test('keys by every generator', async () => {
    const shapes = {
      genUuid4: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      genUuid7: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      genCuid: /^c[0-9a-z]{24}$/,
      genCuid2: /^[a-z][0-9a-z]{23}$/,
      genUlid: /^[0-9A-HJKMNP-TV-Z]{26}$/,
      genNano: /^[\w-]{21}$/,
      genDb: /^[0-9a-f-]{36}$/,
    };
    for (const [model, shape] of Object.entries(shapes)) {
      const made = await prisma[model].createManyAndReturn({ data: [{ n: 1 }, { n: 2 }] });
      made.forEach(({ id }) => assert.match(id, shape, model));
      assert.notEqual(made[0].id, made[1].id, model);
    }
    const { alt, now } = await prisma.genNano.create({ data: { n: 3 } });
    assert.match(alt, /^[\w-]{10}$/);
    assert.ok(Math.abs(now.getTime() - Date.now()) < 60_000);
  });
});

describe('many rows', () => {
  test('created, changed, deleted', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => ({ name: `n${index}` }));
    assert.deepEqual(await prisma.category.createMany({ data: names }), { count: 1000 });
    assert.deepEqual(await prisma.category.createMany({ data: [{ name: 'tech' }, { name: 'novel' }], skipDuplicates: true }), { count: 1 });
    assert.deepEqual(await prisma.category.updateMany({ where: { name: { startsWith: 'n' } }, data: { parentId: 1 } }), { count: 1001 });
    const returned = await prisma.post.updateManyAndReturn({ where: { authorId: 2 }, data: { views: { multiply: 2 } }, select: { id: true, views: true } });
    assert.deepEqual(returned.sort((a, b) => a.id - b.id), [{ id: 4, views: 20 }, { id: 5, views: 40 }]);
    assert.deepEqual(await prisma.category.deleteMany({ where: { parentId: 1, name: { startsWith: 'n' } } }), { count: 1001 });
    assert.deepEqual(await prisma.category.createMany({ data: [] }), { count: 0 });
  });

  test('more than one statement can hold', async () => {
    const data = Array.from({ length: 10_000 }, (_, index) => ({ id: index + 10, need: 'x', short: 'abc', small: 1 }));
    assert.deepEqual(await prisma.strict.createMany({ data }), { count: 10_000 });
    // Postgres takes 65,535 parameters.
    const ids = Array.from({ length: 70_000 }, (_, index) => index + 10);
    assert.equal((await prisma.strict.findMany({ where: { id: { in: ids } }, select: { id: true } })).length, 10_000);
    assert.deepEqual(await prisma.strict.deleteMany({ where: { id: { in: ids } } }), { count: 10_000 });
  });
});

describe('nested writes', () => {
  test('everything at once, or nothing', async () => {
    const create = (title) => ({
      data: {
        email: 'f@x.io',
        profile: { create: { bio: 'new' } },
        manager: { connect: { id: 1 } },
        friends: { connect: [{ id: 2 }, { email: 'carol@x.io' }] },
        posts: {
          create: [
            { title: 'one', tags: ['a'], categories: { connectOrCreate: [{ where: { name: 'tech' }, create: { name: 'tech' } }, { where: { name: 'new' }, create: { name: 'new' } }] } },
            { title, comments: { createMany: { data: [{ body: 'c', authorId: 1 }, { body: 'd' }] } } },
          ],
        },
      },
      include: {
        profile: { select: { bio: true } },
        friends: { select: { id: true }, orderBy: { id: 'asc' } },
        posts: { orderBy: { id: 'asc' }, select: { title: true, categories: { orderBy: { id: 'asc' }, select: { name: true } }, _count: { select: { comments: true } } } },
      },
    });
    const { profile, friends, posts, managerId } = await prisma.user.create(create('two'));
    assert.deepEqual([profile, friends, managerId], [{ bio: 'new' }, [{ id: 2 }, { id: 3 }], 1]);
    assert.deepEqual(posts, [
      { title: 'one', categories: [{ name: 'tech' }, { name: 'new' }], _count: { comments: 0 } },
      { title: 'two', categories: [], _count: { comments: 2 } },
    ]);
    await prisma.user.deleteMany({ where: { NOT: { id: { lte: 6 } } } });
    // The second of two posts of the same title cannot be.
    await assert.rejects(prisma.user.create({ ...create('one'), data: { ...create('one').data, email: 'g@x.io' } }), { code: 'P2002' });
    assert.equal(await value(`SELECT count(*)::int FROM "User" WHERE email = 'g@x.io'`), 0);
  });

  test('change, replace and take away', async () => {
    const updated = await prisma.user.update({
      where: { id: 1 },
      data: {
        posts: {
          update: { where: { id: 1 }, data: { title: 'Hello!', categories: { set: [{ id: 3 }] } } },
          upsert: { where: { id: 999 }, create: { title: 'upserted' }, update: {} },
          delete: { id: 3 },
        },
        friendOf: { disconnect: [{ id: 2 }] },
        profile: { upsert: { create: { bio: 'x' }, update: { bio: 'changed' } } },
      },
      include: { posts: { orderBy: { id: 'asc' }, include: { categories: true } }, friendOf: true, profile: true },
    });
    assert.deepEqual(updated.posts.map(({ title }) => title), ['Hello!', 'World', 'upserted']);
    assert.deepEqual(updated.posts[0].categories.map(({ name }) => name), ['db']);
    assert.deepEqual(updated.friendOf.map(({ id }) => id), [3]);
    assert.equal(updated.profile.bio, 'changed');
  });
});

describe('values', () => {
  test('of every type, there and back', async () => {
    const { Decimal } = made.Prisma;
    const data = {
      int: -2147483648, bigint: 9223372036854775807n, float: 1.5e-7, decimal: new Decimal('12345678901234567890.123456789'), bool: false,
      str: `é "quoted" \\ 🐘 \n`, dt: new Date('2024-02-29T23:59:58.987Z'), json: { list: [1, null, 'é'], nested: { yes: true } }, bytes: new Uint8Array([0, 127, 255]),
      role: 'GUEST', uuid: '6f1e1f6c-0a0b-4c0d-8e0f-101112131415', smallint: 32767, oid: 7, real: 0.5, money: new Decimal('1234.5'), dec102: new Decimal('-0.01'),
      char5: 'ab   ', varchar10: 'x', date: new Date('2024-02-29'), time: new Date('1970-01-01T12:34:56.789Z'), timetz: new Date('1970-01-01T12:34:56.789Z'),
      ts: new Date('2024-01-01T00:00:00Z'), tstz: new Date('1969-12-31T23:59:59.001Z'), inet: '10.0.0.1', bit8: '10101010', varbit: '101', xml: '<a>b</a>',
      citext: 'c', jsonplain: [1, 'two'], ints: [1, -2], bigints: [1n, -9223372036854775808n], floats: [1.5], decimals: [new Decimal('0.1')], bools: [true, false],
      strs: ['a,b', 'c"d', '', 'NULL', '\\', '{}'], dts: [new Date('2024-02-29T23:59:58.987Z')], jsons: [{ a: 'b,c' }, [1], 'text'], bytesList: [new Uint8Array([1, 255]), new Uint8Array()],
      roles: ['USER', 'GUEST'], uuids: ['6f1e1f6c-0a0b-4c0d-8e0f-101112131415'], dates: [new Date('2024-02-29')], times: [new Date('1970-01-01T01:02:03Z')],
      tstzs: [new Date('2024-01-01T00:00:00Z')], inets: ['::1'], moneys: [new Decimal('1.5')], ownerId: 1,
    };
    const expected = { id: 6, ...data };
    assert.deepEqual(await prisma.scalars.create({ data }), expected);
    assert.deepEqual(await prisma.scalars.findUnique({ where: { id: 6 } }), expected);
    // Through a relation they come as JSON.
    const columns = Object.fromEntries(Object.keys(data).filter((name) => !['moneys'].includes(name)).map((name) => [name, true]));
    const { owner } = await prisma.scalars.findUnique({ where: { id: 6 }, select: { owner: { select: { scalars: { where: { id: 6 }, select: columns } } } } });
    const { moneys, ...others } = data;
    assert.deepEqual(owner.scalars, [others]);
    assert.equal(moneys.length, 1);
  });

  test('of no type at all', async () => {
    const { id, ...rest } = await prisma.scalars.create({ data: {} });
    assert.equal(id, 6);
    for (const [name, found] of Object.entries(rest)) {
      assert.ok(found === null || (Array.isArray(found) && found.length === 0), name);
    }
  });
});
