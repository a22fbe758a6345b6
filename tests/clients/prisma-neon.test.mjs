// Prisma 7 with the HTTP class of @prisma/adapter-neon, both unmodified, over the unmodified driver.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PrismaNeonHttp } from '@prisma/adapter-neon';
import { client } from './prisma-client.mjs';
import { connectionString, direct, failure, observed } from './proxy.mjs';

const folder = mkdtempSync(join(tmpdir(), 'pool-proxy-prisma-'));
after(() => rmSync(folder, { recursive: true }));

const schema = fileURLToPath(new URL('prisma-neon.prisma', import.meta.url));
const { PrismaClient, Prisma } = await client(schema, folder);
const prisma = new PrismaClient({ adapter: new PrismaNeonHttp(connectionString(), {}) });
after(() => prisma.$disconnect());

before(() =>
  direct.query(`
    CREATE TYPE prisma_mood AS ENUM ('glad', 'so so');
    CREATE TABLE prisma_author (id serial PRIMARY KEY, name text NOT NULL, email text UNIQUE);
    CREATE TABLE prisma_book (id serial PRIMARY KEY, title text NOT NULL, pages int NOT NULL DEFAULT 0,
      author_id int NOT NULL REFERENCES prisma_author);
    CREATE TABLE prisma_tag (name text PRIMARY KEY);
    CREATE TABLE "_BookToTag" ("A" int REFERENCES prisma_book ON DELETE CASCADE,
      "B" text REFERENCES prisma_tag ON DELETE CASCADE, PRIMARY KEY ("A", "B"));
    CREATE TABLE prisma_everything (id uuid PRIMARY KEY, flag boolean, small smallint, big bigint, float double precision,
      exact numeric(40, 10), text text, code char(4), at timestamptz(3), plain_at timestamp(3), day date, hour time(3),
      document jsonb, bytes bytea, mood prisma_mood, address inet, flags boolean[], numbers int[], bigs bigint[],
      exacts numeric(65, 30)[], texts text[], times timestamp(3)[], documents jsonb[], blobs bytea[], moods prisma_mood[]);`),
);

beforeEach(() =>
  direct.query(`
    TRUNCATE prisma_author, prisma_book, prisma_tag, "_BookToTag", prisma_everything RESTART IDENTITY;
    INSERT INTO prisma_author (name, email) VALUES ('Ada', 'ada@example.com'), ('Brontë', NULL);
    INSERT INTO prisma_book (title, pages, author_id) VALUES ('Notes', 66, 1), ('Villette', 600, 2), ('Shirley', 500, 2);
    INSERT INTO prisma_tag VALUES ('novel'), ('science');
    INSERT INTO "_BookToTag" VALUES (1, 'science'), (2, 'novel'), (3, 'novel');`),
);

describe('reading', () => {
  test('where, orderBy, take, skip, select', async () => {
    const found = await prisma.book.findMany({
      where: { OR: [{ pages: { gt: 100 } }, { title: { startsWith: 'NO', mode: 'insensitive' } }], id: { in: [1, 2, 3] } },
      orderBy: { pages: 'desc' },
      select: { title: true, pages: true },
      skip: 1,
      take: 2,
    });
    assert.deepEqual(found, [{ title: 'Shirley', pages: 500 }, { title: 'Notes', pages: 66 }]);
  });

  test('one, by its keys, or none', async () => {
    assert.deepEqual(await prisma.author.findUnique({ where: { email: 'ada@example.com' } }), {
      id: 1, name: 'Ada', email: 'ada@example.com',
    });
    assert.equal(await prisma.author.findUnique({ where: { id: 99 } }), null);
    assert.equal(await prisma.author.findFirst({ where: { name: 'nobody' } }), null);
  });

  test('several findUnique at once become one query', async () => {
    const found = [];
    const answers = await observed(async () => {
      found.push(...(await Promise.all([2, 1, 9].map((id) => prisma.author.findUnique({ where: { id } })))));
    });
    assert.deepEqual(found.map((author) => author?.name), ['Brontë', 'Ada', undefined]);
    assert.equal(answers.length, 1);
  });

  test('includes, of one, of many, and of many to many', async () => {
    const found = await prisma.author.findMany({
      orderBy: { id: 'asc' },
      include: { books: { orderBy: { id: 'desc' }, include: { tags: true } }, _count: { select: { books: true } } },
    });
    assert.deepEqual(found, [
      {
        id: 1, name: 'Ada', email: 'ada@example.com', _count: { books: 1 },
        books: [{ id: 1, title: 'Notes', pages: 66, authorId: 1, tags: [{ name: 'science' }] }],
      },
      {
        id: 2, name: 'Brontë', email: null, _count: { books: 2 },
        books: [
          { id: 3, title: 'Shirley', pages: 500, authorId: 2, tags: [{ name: 'novel' }] },
          { id: 2, title: 'Villette', pages: 600, authorId: 2, tags: [{ name: 'novel' }] },
        ],
      },
    ]);
    const notes = await prisma.book.findFirstOrThrow({ where: { author: { name: 'Ada' } }, include: { author: true } });
    assert.equal(notes.author.email, 'ada@example.com');
  });

  test('count, aggregate, groupBy', async () => {
    assert.equal(await prisma.book.count({ where: { tags: { some: { name: 'novel' } } } }), 2);
    const pages = { pages: true };
    const { _sum, _avg, _max } = await prisma.book.aggregate({ _sum: pages, _avg: pages, _max: { title: true } });
    assert.deepEqual([_sum.pages, _avg.pages, _max.title], [1166, 1166 / 3, 'Villette']);
    const groups = await prisma.book.groupBy({ by: 'authorId', _count: true, _sum: pages, orderBy: { authorId: 'asc' } });
    assert.deepEqual(groups, [
      { authorId: 1, _count: 1, _sum: { pages: 66 } },
      { authorId: 2, _count: 2, _sum: { pages: 1100 } },
    ]);
  });
});

describe('writing', () => {
  test('create, update, delete', async () => {
    const created = await prisma.author.create({ data: { name: `O'Hara`, email: 'o@example.com' } });
    assert.deepEqual(created, { id: 3, name: `O'Hara`, email: 'o@example.com' });
    const updated = await prisma.author.update({ where: { id: 3 }, data: { email: null }, select: { email: true } });
    assert.deepEqual(updated, { email: null });
    const incremented = await prisma.book.update({ where: { id: 1 }, data: { pages: { increment: 4 } } });
    assert.equal(incremented.pages, 70);
    assert.equal((await prisma.author.delete({ where: { id: 3 } })).name, `O'Hara`);
    const { rows } = await direct.query('SELECT count(*)::int AS n FROM prisma_author');
    assert.equal(rows[0].n, 2);
  });

  test('many at once', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => ({ name: `n${index}` }));
    assert.deepEqual(await prisma.author.createMany({ data: names }), { count: 1000 });
    const duplicate = { name: 'x', email: 'ada@example.com' };
    assert.deepEqual(await prisma.author.createMany({ data: [duplicate], skipDuplicates: true }), { count: 0 });
    const tags = [{ name: 'a' }, { name: 'b' }];
    assert.deepEqual(await prisma.tag.createManyAndReturn({ data: tags }), tags);
    assert.deepEqual(await prisma.book.updateMany({ where: { authorId: 2 }, data: { pages: 1 } }), { count: 2 });
    assert.deepEqual(await prisma.author.deleteMany({ where: { name: { startsWith: 'n' } } }), { count: 1000 });
  });

  test('upsert', async () => {
    const email = 'cy@example.com';
    const upsert = (name) => prisma.author.upsert({ where: { email }, create: { name, email }, update: { name } });
    assert.equal((await upsert('Cy')).id, (await upsert('Cyd')).id);
    assert.equal((await prisma.author.findUnique({ where: { email } })).name, 'Cyd');
  });
});

describe('values', () => {
  test('of every type, there and back', async () => {
    const data = {
      id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      flag: true,
      small: -32768,
      big: 9223372036854775807n,
      float: 1.5e-7,
      exact: new Prisma.Decimal('123456789012345678901234567890.123456789'),
      text: `é "quoted" \\ 🐘 \n`,
      code: 'ab',
      at: new Date('2024-02-29T23:59:58.987Z'),
      plainAt: new Date('1970-01-01T00:00:00.001Z'),
      day: new Date('2024-02-29T00:00:00.000Z'),
      hour: new Date('1970-01-01T12:34:56.789Z'),
      document: { list: [1, null, 'é 🐘'], nested: { yes: true } },
      bytes: new Uint8Array([0, 127, 128, 255]),
      mood: 'soSo',
      address: '192.168.0.1',
      flags: [true, false],
      numbers: [1, -2],
      bigs: [1n, -9223372036854775808n],
      exacts: [new Prisma.Decimal('0.1'), new Prisma.Decimal('12345678901234567890.5')],
      texts: ['a,b', 'c"d', '', 'NULL', '\\', '{}'],
      times: [new Date('2024-02-29T23:59:58.987Z')],
      documents: [{ a: 'b,c' }, [1], 'text'],
      blobs: [new Uint8Array([1, 255]), new Uint8Array()],
      moods: ['glad', 'soSo'],
    };
    const expected = { ...data, code: 'ab  ' };
    assert.deepEqual(await prisma.everything.create({ data }), expected);
    for (const where of [
      { at: data.at }, { big: data.big }, { exact: data.exact }, { mood: 'soSo' }, { bytes: data.bytes },
      { texts: { has: 'c"d' } }, { document: { path: ['nested', 'yes'], equals: true } },
    ]) {
      assert.deepEqual(await prisma.everything.findMany({ where }), [expected], JSON.stringify(Object.keys(where)));
    }
    const { rows } = await direct.query(`SELECT exact::text, encode(bytes, 'hex') AS hex, document ->> 'list' AS list,
      texts[2] AS text, mood, hour::text, extract(epoch FROM at)::text AS at, blobs::text FROM prisma_everything`);
    assert.deepEqual({ ...rows[0] }, {
      exact: '123456789012345678901234567890.1234567890', hex: '007f80ff', list: '[1, null, "é 🐘"]', text: 'c"d',
      mood: 'so so', hour: '12:34:56.789', at: '1709251198.987000', blobs: String.raw`{"\\x01ff","\\x"}`,
    });
  });

  test('of no type at all', async () => {
    const { id, ...rest } = await prisma.everything.create({ data: {} });
    assert.match(id, /^[0-9a-f-]{36}$/);
    const values = Object.values(rest);
    assert.equal(values.length, 24);
    assert.equal(values.filter((value) => value === null).length, 15);
    assert.ok(values.filter((value) => value !== null).every((value) => Array.isArray(value) && value.length === 0));
  });
});

describe('raw SQL', () => {
  test('a query with parameters', async () => {
    const rows = await prisma.$queryRaw`SELECT id, title, ${2n}::int8 AS big, 1.50::numeric AS exact, now() AS at,
      ${[1, 2]}::int[] AS list FROM prisma_book WHERE author_id = ${2} ORDER BY id`;
    assert.deepEqual(rows.map(({ id, title, big, list }) => [id, title, big, list]), [
      [2, 'Villette', 2n, [1, 2]],
      [3, 'Shirley', 2n, [1, 2]],
    ]);
    assert.equal(rows[0].exact.toString(), '1.5');
    assert.ok(rows[0].at instanceof Date);
    assert.deepEqual(await prisma.$queryRawUnsafe('SELECT name FROM prisma_author WHERE id = $1', 1), [{ name: 'Ada' }]);
  });

  test('a statement tells how many rows', async () => {
    assert.equal(await prisma.$executeRaw`UPDATE prisma_book SET pages = pages + ${1} WHERE author_id = ${2}`, 2);
    assert.equal(await prisma.$executeRawUnsafe('DELETE FROM prisma_tag'), 2);
  });
});

describe('errors', () => {
  const known = async (promise, code) => {
    const error = await failure(promise);
    assert.ok(error instanceof Prisma.PrismaClientKnownRequestError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  };

  test('a missing row is P2025', async () => {
    await known(prisma.author.update({ where: { id: 99 }, data: { name: 'x' } }), 'P2025');
    await known(prisma.author.delete({ where: { id: 99 } }), 'P2025');
    await known(prisma.author.findUniqueOrThrow({ where: { id: 99 } }), 'P2025');
  });

  // Only the WebSocket class of the adapter makes P2002 of 23505, and so on: that of HTTP hands on what Postgres said.
  test('what Postgres refuses has the code of Postgres', async () => {
    const duplicate = await known(prisma.author.create({ data: { name: 'Dup', email: 'ada@example.com' } }), '23505');
    assert.match(duplicate.message, /duplicate key value violates unique constraint "prisma_author_email_key"/);
    await known(prisma.book.create({ data: { title: 'x', authorId: 99 } }), '23503');
    await known(prisma.everything.create({ data: { code: 'abcde' } }), '22001');
    const raw = await known(prisma.$queryRaw`SELECT 1/0`, '22012');
    assert.match(raw.message, /division by zero/);
    await direct.query('ALTER TABLE prisma_tag RENAME TO prisma_gone');
    try {
      await known(prisma.tag.findMany(), '42P01');
    } finally {
      await direct.query('ALTER TABLE prisma_gone RENAME TO prisma_tag');
    }
  });

  test('a wrong key is told', async () => {
    const url = connectionString({}, { key: 'nobody-knows-this-key' });
    const stranger = new PrismaClient({ adapter: new PrismaNeonHttp(url, {}) });
    const error = await failure(stranger.author.findMany());
    assert.match(error.message, /HTTP status 401/);
    assert.ok(!error.message.includes('nobody-knows-this-key'));
  });
});

describe('transactions', () => {
  // Not the proxy's words: the adapter has none over HTTP, and asks nobody.
  const refused = /Transactions are not supported in HTTP mode/;
  const silent = async (work) => {
    const answers = await observed(async () => assert.match((await failure(work())).message, refused));
    assert.equal(answers.length, 0);
  };

  test('of a function, of a list, and of a nested write: the adapter refuses them all', async () => {
    await silent(() => prisma.$transaction(async (tx) => tx.author.create({ data: { name: 'Cy' } })));
    await silent(() => prisma.$transaction([prisma.author.create({ data: { name: 'Cy' } }), prisma.author.count()]));
    await silent(() => prisma.author.create({ data: { name: 'Cy', books: { create: [{ title: 'A' }, { title: 'B' }] } } }));
    assert.equal(await prisma.author.count(), 2);
  });
});

describe('the cache', () => {
  test('is asked by the connection string', async () => {
    const cached = new PrismaClient({ adapter: new PrismaNeonHttp(connectionString({ cache_max_age: '60' }), {}) });
    const name = async () => (await cached.author.findUnique({ where: { id: 1 } })).name;
    const [miss] = await observed(async () => assert.equal(await name(), 'Ada'));
    assert.equal(miss.get('cache-status'), 'pool-proxy; fwd=miss; stored');
    await direct.query(`UPDATE prisma_author SET name = 'Augusta' WHERE id = 1`);
    const [hit] = await observed(async () => assert.equal(await name(), 'Ada'));
    assert.match(hit.get('cache-status'), /^pool-proxy; hit; /);
    assert.equal((await prisma.author.findUnique({ where: { id: 1 } })).name, 'Augusta');
  });
});
