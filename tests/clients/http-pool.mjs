// What Drizzle and Kysely do with the README's pool, which stands before this when it is run: `pool` is one.

const assert = (await import('node:assert/strict')).default;
const { drizzle } = await import('drizzle-orm/node-postgres');
const { sql } = await import('drizzle-orm');
const { Kysely, PostgresDialect, sql: raw } = await import('kysely');

const db = drizzle(pool);
const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
const all = async () => (await pool.query('select a from t order by a')).rows.map((row) => row.a);
const numbers = [...Array(20).keys()];

await pool.query('create table t (a int primary key deferrable initially deferred)');

// Statements that are asked for at once run one after the other, in that order.
const seen = await db.transaction(async (tx) => {
  const inserts = numbers.map((n) => tx.execute(sql`insert into t values (${n}) returning (select count(*)::int from t) as before`));
  return (await Promise.all(inserts)).map(({ rows }) => rows[0].before);
});
assert.deepEqual(seen, numbers);
await kysely.transaction().execute((tx) =>
  Promise.all(numbers.map((n) => tx.insertInto('t').values({ a: 100 + n }).execute())),
);
assert.deepEqual(await all(), [...numbers, ...numbers.map((n) => 100 + n)]);

// One of them fails: the others do not stay, and its error is the one that is seen.
const failing = (tx) => Promise.all(['select 1', 'select 1/0', 'select 2'].map((text) => tx.execute(sql.raw(text))));
await assert.rejects(db.transaction(failing), (error) => (error.cause ?? error).code === '22012');

// What fails at the COMMIT keeps its error, although both send a ROLLBACK behind it.
const isUnique = (error) => (error.cause ?? error).code === 'P2002';
await assert.rejects(db.transaction((tx) => tx.execute(sql`insert into t values (1)`)), isUnique);
await assert.rejects(kysely.transaction().execute((tx) => tx.insertInto('t').values({ a: 1 }).execute()), isUnique);

// A connection is as good as new after that.
const client = await pool.connect();
await client.query('begin');
await client.query('insert into t values (1)');
await assert.rejects(client.query('commit'), isUnique);
await client.query('rollback');
assert.equal((await client.query('select 1 as one')).rows[0].one, 1);

// Savepoints are not the end.
await db.transaction(async (tx) => {
  await tx.execute(sql`insert into t values (201)`);
  await assert.rejects(tx.transaction(async (nested) => {
    await nested.execute(sql`insert into t values (202)`);
    await nested.execute(sql`select 1/0`);
  }));
  await tx.transaction((nested) => nested.execute(sql`insert into t values (203)`));
});
await kysely.transaction().execute(async (tx) => {
  await raw`savepoint a`.execute(tx);
  for (const back of ['rollback to a', 'ROLLBACK   TO SAVEPOINT a', 'rollback\nwork to a', 'Rollback Transaction To a']) {
    await tx.insertInto('t').values({ a: 204 }).execute();
    await raw(Object.assign([back], { raw: [back] })).execute(tx);
  }
  await tx.insertInto('t').values({ a: 205 }).execute();
});
assert.deepEqual((await all()).filter((a) => a > 200), [201, 203, 205]);

// A gap that never closes does not keep it from being rolled back.
await client.query('begin');
await client.query('insert into t values (300)');
client.steps += 1;
await assert.rejects(client.query('select 1'), (error) => error.status === 409);
await client.query('rollback');
assert.ok(!(await all()).includes(300));
console.log('all is well');
