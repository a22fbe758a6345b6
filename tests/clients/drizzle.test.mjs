// drizzle-orm/neon-http, unmodified, over the unmodified driver.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { neon, NeonDbError } from '@neondatabase/serverless';
import { and, asc, count, desc, eq, gt, inArray, like, relations, sql, sum } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/neon-http';
import {
  bigint, boolean, customType, date, doublePrecision, integer, jsonb, numeric, pgEnum, pgTable, serial, text, time,
  timestamp, uniqueIndex, uuid, varchar,
} from 'drizzle-orm/pg-core';
import { connectionString, direct, failure, KEY, observed } from './proxy.mjs';

const mood = pgEnum('drizzle_mood', ['glad', 'so so']);
const bytea = customType({ dataType: () => 'bytea' });

const users = pgTable('drizzle_user', {
  id: serial('id').primaryKey(),
  name: text('name').notNull(),
  email: varchar('email', { length: 80 }),
}, (table) => [uniqueIndex('drizzle_user_email').on(table.email)]);

const posts = pgTable('drizzle_post', {
  id: serial('id').primaryKey(),
  author: integer('author_id').notNull().references(() => users.id),
  title: text('title').notNull(),
  words: integer('words').notNull().default(0),
});

const everything = pgTable('drizzle_everything', {
  id: uuid('id').primaryKey().defaultRandom(),
  flag: boolean('flag'),
  big: bigint('big', { mode: 'bigint' }),
  close: bigint('close', { mode: 'number' }),
  exact: numeric('exact', { precision: 40, scale: 10 }),
  double: doublePrecision('double'),
  at: timestamp('at', { withTimezone: true, precision: 3 }),
  plainAt: timestamp('plain_at', { precision: 3 }),
  textAt: timestamp('text_at', { withTimezone: true, mode: 'string' }),
  day: date('day'),
  hour: time('hour'),
  document: jsonb('document'),
  tags: text('tags').array(),
  grid: integer('grid').array().array(),
  mood: mood('mood'),
  bytes: bytea('bytes'),
});

const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }));
const postsRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.author], references: [users.id] }),
}));

const schema = { users, posts, everything, usersRelations, postsRelations };
const db = drizzle(neon(connectionString()), { schema });

before(() =>
  direct.query(`
    DROP TABLE IF EXISTS drizzle_user, drizzle_post, drizzle_everything CASCADE;
    DROP TYPE IF EXISTS drizzle_mood;
    CREATE TYPE drizzle_mood AS ENUM ('glad', 'so so');
    CREATE TABLE drizzle_user (id serial PRIMARY KEY, name text NOT NULL, email varchar(80));
    CREATE UNIQUE INDEX drizzle_user_email ON drizzle_user (email);
    CREATE TABLE drizzle_post (id serial PRIMARY KEY, author_id int NOT NULL REFERENCES drizzle_user, title text NOT NULL,
      words int NOT NULL DEFAULT 0);
    CREATE TABLE drizzle_everything (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), flag boolean, big bigint, close bigint,
      exact numeric(40, 10), double double precision, at timestamptz(3), plain_at timestamp(3), text_at timestamptz,
      day date, hour time, document jsonb, tags text[], grid int[][], mood drizzle_mood, bytes bytea);`),
);

beforeEach(() =>
  direct.query(`
    TRUNCATE drizzle_user, drizzle_post, drizzle_everything RESTART IDENTITY;
    INSERT INTO drizzle_user (name, email) VALUES ('Ada', 'ada@example.com'), ('Brontë', NULL);
    INSERT INTO drizzle_post (author_id, title, words) VALUES (1, 'Notes', 500), (2, 'Villette', 9000), (2, 'Shirley', 8000);`),
);

describe('drizzle-orm', () => {
  test('insert, returning', async () => {
    const rows = await db
      .insert(users)
      .values([{ name: `O'Hara` }, { name: 'Dee', email: 'dee@example.com' }])
      .returning({ id: users.id, called: users.name, email: users.email });
    assert.deepEqual(rows, [
      { id: 3, called: `O'Hara`, email: null },
      { id: 4, called: 'Dee', email: 'dee@example.com' },
    ]);
    const seen = await direct.query('SELECT count(*)::int AS n FROM drizzle_user');
    assert.equal(seen.rows[0].n, 4);
  });

  test('insert without returning tells how many', async () => {
    const result = await db.insert(users).values([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    assert.equal(result.rowCount, 3);
    assert.equal(result.command, 'INSERT');
  });

  test('insert on conflict', async () => {
    const [row] = await db
      .insert(users)
      .values({ name: 'Augusta', email: 'ada@example.com' })
      .onConflictDoUpdate({ target: users.email, set: { name: sql`excluded.name` } })
      .returning();
    assert.deepEqual(row, { id: 1, name: 'Augusta', email: 'ada@example.com' });
    const nothing = await db.insert(users).values({ id: 1, name: 'x' }).onConflictDoNothing().returning();
    assert.deepEqual(nothing, []);
  });

  test('select, where, order, limit', async () => {
    const rows = await db
      .select({ title: posts.title, words: posts.words })
      .from(posts)
      .where(and(gt(posts.words, 100), inArray(posts.id, [1, 2, 3]), like(posts.title, '%e%')))
      .orderBy(desc(posts.words))
      .limit(2);
    assert.deepEqual(rows, [{ title: 'Villette', words: 9000 }, { title: 'Shirley', words: 8000 }]);
  });

  test('joins with columns of one name', async () => {
    const rows = await db
      .select()
      .from(users)
      .leftJoin(posts, and(eq(posts.author, users.id), gt(posts.words, 8500)))
      .orderBy(asc(users.id));
    assert.deepEqual(rows, [
      { drizzle_user: { id: 1, name: 'Ada', email: 'ada@example.com' }, drizzle_post: null },
      {
        drizzle_user: { id: 2, name: 'Brontë', email: null },
        drizzle_post: { id: 2, author: 2, title: 'Villette', words: 9000 },
      },
    ]);
  });

  test('aggregates', async () => {
    const rows = await db
      .select({ author: users.name, posts: count(), words: sum(posts.words) })
      .from(posts)
      .innerJoin(users, eq(users.id, posts.author))
      .groupBy(users.name)
      .orderBy(users.name);
    assert.deepEqual(rows, [
      { author: 'Ada', posts: 1, words: '500' },
      { author: 'Brontë', posts: 2, words: '17000' },
    ]);
    assert.equal(await db.$count(posts, eq(posts.author, 2)), 2);
  });

  test('a common table expression', async () => {
    const long = db.$with('long').as(db.select().from(posts).where(gt(posts.words, 8500)));
    assert.deepEqual(await db.with(long).select({ title: long.title }).from(long), [{ title: 'Villette' }]);
  });

  test('update and delete', async () => {
    const updated = await db.update(posts).set({ words: sql`${posts.words} + 1` }).where(eq(posts.author, 2)).returning();
    assert.deepEqual(updated.map(({ id, words }) => [id, words]).sort(), [[2, 9001], [3, 8001]]);
    assert.equal((await db.delete(posts).where(eq(posts.author, 2))).rowCount, 2);
    const left = await direct.query('SELECT title FROM drizzle_post');
    assert.deepEqual(left.rows.map(({ title }) => title), ['Notes']);
  });

  test('every type there and back', async () => {
    const row = {
      id: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      flag: true,
      big: 9223372036854775807n,
      close: Number.MAX_SAFE_INTEGER,
      exact: '123456789012345678901234567890.1234567890',
      double: 1.5e-7,
      at: new Date('2024-02-29T23:59:58.987Z'),
      plainAt: new Date('1970-01-01T00:00:00.001Z'),
      textAt: '2024-02-29 10:34:56.789+00',
      day: '2024-02-29',
      hour: '12:34:56',
      document: { list: [1, null, 'é 🐘'], nested: { yes: true } },
      tags: ['a,b', 'c"d', '', 'NULL', '\\'],
      grid: [[1, 2], [3, 4]],
      mood: 'so so',
      bytes: Buffer.from([0, 127, 128, 255]),
    };
    const [inserted] = await db.insert(everything).values(row).returning();
    assert.deepEqual(inserted, row);
    assert.deepEqual(await db.select().from(everything).where(eq(everything.at, row.at)), [row]);
    const seen = await direct.query(`SELECT exact::text, document ->> 'list' AS list, tags[2] AS tag, encode(bytes, 'hex') AS hex,
      extract(epoch FROM at)::text AS at FROM drizzle_everything`);
    assert.deepEqual({ ...seen.rows[0] }, {
      exact: row.exact, list: '[1, null, "é 🐘"]', tag: 'c"d', hex: '007f80ff', at: '1709251198.987000',
    });
  });

  test('nothing in every type', async () => {
    const [row] = await db.insert(everything).values({}).returning();
    const { id, ...rest } = row;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(Object.keys(rest).length, 15);
    assert.deepEqual(new Set(Object.values(rest)), new Set([null]));
  });

  test('raw SQL', async () => {
    const result = await db.execute(sql`SELECT ${'x'}::text AS a, now() AS at, 1::int8 AS n`);
    assert.equal(result.rows[0].a, 'x');
    assert.equal(result.rows[0].n, '1');
    assert.match(result.rows[0].at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  });

  test('a prepared statement', async () => {
    const byName = db.select({ id: users.id }).from(users).where(eq(users.name, sql.placeholder('name'))).prepare('by_name');
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await byName.execute({ name: 'Ada' }), [{ id: 1 }]);
      assert.deepEqual(await byName.execute({ name: 'Brontë' }), [{ id: 2 }]);
      assert.deepEqual(await byName.execute({ name: 'nobody' }), []);
    }
    const related = db.query.users
      .findFirst({ columns: { name: true }, with: { posts: { columns: { title: true } } }, where: eq(users.id, sql.placeholder('id')) })
      .prepare('related');
    assert.deepEqual(await related.execute({ id: 1 }), { name: 'Ada', posts: [{ title: 'Notes' }] });
    assert.equal(await related.execute({ id: 99 }), undefined);
  });

  test('relational queries', async () => {
    const found = await db.query.users.findMany({
      columns: { name: true },
      with: { posts: { columns: { title: true }, orderBy: asc(posts.id), where: gt(posts.words, 100) } },
      orderBy: asc(users.id),
    });
    assert.deepEqual(found, [
      { name: 'Ada', posts: [{ title: 'Notes' }] },
      { name: 'Brontë', posts: [{ title: 'Villette' }, { title: 'Shirley' }] },
    ]);
    const one = await db.query.posts.findFirst({ with: { author: true }, where: eq(posts.title, 'Notes') });
    assert.deepEqual(one, {
      id: 1, title: 'Notes', words: 500, author: { id: 1, name: 'Ada', email: 'ada@example.com' },
    });
    assert.equal(await db.query.posts.findFirst({ where: eq(posts.id, 99) }), undefined);
  });

  test('a batch', async () => {
    const [inserted, found, updated, raw] = await db.batch([
      db.insert(users).values({ name: 'Cy' }).returning({ id: users.id }),
      db.query.users.findMany({ columns: { name: true }, orderBy: asc(users.id) }),
      db.update(users).set({ email: 'cy@example.com' }).where(eq(users.name, 'Cy')),
      db.execute(sql`SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS written`),
    ]);
    assert.deepEqual(inserted, [{ id: 3 }]);
    assert.deepEqual(found, [{ name: 'Ada' }, { name: 'Brontë' }, { name: 'Cy' }]);
    assert.equal(updated.rowCount, 1);
    assert.deepEqual(raw.rows, [{ written: true }]);
  });

  test('a batch is all or nothing', async () => {
    const error = await failure(
      db.batch([
        db.insert(users).values({ name: 'Cy' }),
        db.delete(posts),
        db.insert(users).values({ name: 'Dup', email: 'ada@example.com' }),
      ]),
    );
    assert.equal(cause(error).constraint, 'drizzle_user_email');
    const seen = await direct.query('SELECT (SELECT count(*) FROM drizzle_user)::int AS u, (SELECT count(*) FROM drizzle_post)::int AS p');
    assert.deepEqual({ ...seen.rows[0] }, { u: 2, p: 3 });
  });

  // Not the proxy's words: drizzle has batches for this driver, and asks nobody.
  test('a transaction of a function is refused by drizzle', async () => {
    const answers = await observed(async () => {
      const error = await failure(db.transaction(async (tx) => tx.delete(posts)));
      assert.match(error.message, /^No transactions support in neon-http driver$/);
    });
    assert.equal(answers.length, 0);
  });

  test('errors carry what Postgres said', async () => {
    const error = cause(await failure(db.insert(users).values({ name: 'Dup', email: 'ada@example.com' })));
    assert.ok(error instanceof NeonDbError, String(error));
    assert.equal(error.code, '23505');
    assert.equal(error.detail, 'Key (email)=(ada@example.com) already exists.');
    assert.equal(error.table, 'drizzle_user');
  });

  test('the key as a token', async () => {
    const open = drizzle(neon('postgresql://anybody@db.example.com/default'), { schema });
    const found = await open.$withAuth(KEY).select({ name: users.name }).from(users).where(eq(users.id, 1));
    assert.deepEqual(found, [{ name: 'Ada' }]);
    const related = await open.$withAuth(async () => KEY).query.posts.findFirst({ with: { author: true } });
    assert.equal(related.author.name, 'Ada');
    const inserted = await open.$withAuth(KEY).insert(users).values({ name: 'Cy' }).returning({ name: users.name });
    assert.deepEqual(inserted, [{ name: 'Cy' }]);
    assert.match(cause(await failure(open.select().from(users))).message, /HTTP status 401/);
    assert.match(cause(await failure(open.$withAuth('nobody-knows-this-key').select().from(users))).message, /HTTP status 401/);
  });

  test('a connection string alone, which asks the cache', async () => {
    const cached = drizzle(connectionString({ cache_max_age: '60', cache_tags: 'drizzle' }), { schema });
    const names = () => cached.select({ name: users.name }).from(users).orderBy(users.id);
    const ada = [{ name: 'Ada' }, { name: 'Brontë' }];
    const [first] = await observed(async () => assert.deepEqual(await names(), ada), { 'Cache-Control': 'no-cache, max-age=60' });
    assert.equal(first.get('cache-status'), 'pool-proxy; fwd=request; stored');
    await db.update(users).set({ name: 'Augusta' }).where(eq(users.id, 1));
    const [second] = await observed(async () => assert.deepEqual(await names(), ada));
    assert.match(second.get('cache-status'), /^pool-proxy; hit; /);
    assert.deepEqual(await db.select({ name: users.name }).from(users).orderBy(users.id), [{ name: 'Augusta' }, { name: 'Brontë' }]);
  });
});

/** drizzle wraps what the driver throws. */
function cause(error) {
  return error.cause ?? error;
}
