// Kysely with the dialect `kysely-neon`, unmodified, over the unmodified driver.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { neon, NeonDbError } from '@neondatabase/serverless';
import { Kysely, sql } from 'kysely';
import { NeonDialect } from 'kysely-neon';
import { connectionString, direct, failure, observed } from './proxy.mjs';

const db = new Kysely({ dialect: new NeonDialect({ neon: neon(connectionString()) }) });

before(() =>
  direct.query(`
    DROP TABLE IF EXISTS kysely_pet, kysely_person, kysely_new CASCADE;
    CREATE TABLE kysely_person (id serial PRIMARY KEY, name text NOT NULL, born timestamptz, facts jsonb);
    CREATE TABLE kysely_pet (id serial PRIMARY KEY, owner int NOT NULL REFERENCES kysely_person ON DELETE CASCADE,
      name text NOT NULL CONSTRAINT kysely_pet_name UNIQUE);`),
);

beforeEach(() =>
  direct.query(`
    TRUNCATE kysely_person, kysely_pet RESTART IDENTITY;
    INSERT INTO kysely_person (name, born, facts) VALUES ('Ada', '1815-12-10T00:00:00Z', '{"langs": ["en", "fr"]}'), ('Bo', NULL, NULL);
    INSERT INTO kysely_pet (owner, name) VALUES (1, 'Puff'), (2, 'Rex'), (2, 'Tom');`),
);

describe('kysely', () => {
  test('select with where, join and order', async () => {
    const rows = await db
      .selectFrom('kysely_person as p')
      .innerJoin('kysely_pet as t', 't.owner', 'p.id')
      .select(['p.name as person', 't.name as pet'])
      .where('p.name', '=', 'Bo')
      .where('t.name', 'in', ['Tom', 'Rex', 'Puff'])
      .orderBy('t.name', 'desc')
      .execute();
    assert.deepEqual(rows, [{ person: 'Bo', pet: 'Tom' }, { person: 'Bo', pet: 'Rex' }]);
  });

  test('values have the types of the driver', async () => {
    const row = await db.selectFrom('kysely_person').selectAll().where('id', '=', 1).executeTakeFirstOrThrow();
    assert.deepEqual(row, { id: 1, name: 'Ada', born: new Date('1815-12-10T00:00:00Z'), facts: { langs: ['en', 'fr'] } });
    assert.equal(await db.selectFrom('kysely_person').selectAll().where('id', '=', 99).executeTakeFirst(), undefined);
  });

  test('insert, returning', async () => {
    const rows = await db
      .insertInto('kysely_person')
      .values([{ name: `O'Hara`, facts: { a: [1, null] } }, { name: 'Dee', facts: null }])
      .returning(['id', 'name', 'facts'])
      .execute();
    assert.deepEqual(rows, [
      { id: 3, name: `O'Hara`, facts: { a: [1, null] } },
      { id: 4, name: 'Dee', facts: null },
    ]);
    const { rows: seen } = await direct.query('SELECT name FROM kysely_person WHERE id > 2 ORDER BY id');
    assert.deepEqual(seen.map(({ name }) => name), [`O'Hara`, 'Dee']);
  });

  test('how many rows were changed', async () => {
    const inserted = await db.insertInto('kysely_person').values([{ name: 'a' }, { name: 'b' }]).executeTakeFirst();
    assert.equal(inserted.numInsertedOrUpdatedRows, 2n);
    const updated = await db.updateTable('kysely_pet').set({ owner: 1 }).where('owner', '=', 2).executeTakeFirst();
    assert.equal(updated.numUpdatedRows, 2n);
    const deleted = await db.deleteFrom('kysely_pet').where('owner', '=', 1).executeTakeFirst();
    assert.equal(deleted.numDeletedRows, 3n);
    const none = await db.deleteFrom('kysely_pet').executeTakeFirst();
    assert.equal(none.numDeletedRows, 0n);
  });

  test('insert on conflict', async () => {
    const row = await db
      .insertInto('kysely_pet')
      .values({ owner: 1, name: 'Rex' })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ owner: 1 }))
      .returning(['id', 'owner'])
      .executeTakeFirst();
    assert.deepEqual(row, { id: 2, owner: 1 });
  });

  test('raw SQL', async () => {
    const { rows } = await sql`SELECT ${'x'}::text || ${'y'} AS xy, ${[1, 2]}::int[] AS list`.execute(db);
    assert.deepEqual(rows, [{ xy: 'xy', list: [1, 2] }]);
  });

  test('schema building and introspection', async () => {
    await db.schema
      .createTable('kysely_new')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('label', 'varchar(10)', (column) => column.notNull().defaultTo('none'))
      .execute();
    const table = (await db.introspection.getTables()).find(({ name }) => name === 'kysely_new');
    assert.deepEqual(
      table.columns.map(({ name, dataType, isNullable, hasDefaultValue }) => [name, dataType, isNullable, hasDefaultValue]),
      [['id', 'int4', false, false], ['label', 'varchar', false, true]],
    );
    await db.schema.dropTable('kysely_new').execute();
    const { rows } = await direct.query(`SELECT to_regclass('kysely_new') AS gone`);
    assert.equal(rows[0].gone, null);
  });

  // Not the proxy's words: the dialect knows none, and asks nobody.
  test('a transaction is refused by the dialect', async () => {
    const answers = await observed(async () => {
      const error = await failure(db.transaction().execute((tx) => tx.deleteFrom('kysely_pet').execute()));
      assert.match(error.message, /doesn't support interactive transactions/);
    });
    assert.equal(answers.length, 0);
  });

  test('errors carry what Postgres said', async () => {
    const error = await failure(db.insertInto('kysely_pet').values({ owner: 1, name: 'Rex' }).execute());
    assert.ok(error instanceof NeonDbError, String(error));
    assert.deepEqual([error.code, error.constraint, error.detail], [
      '23505', 'kysely_pet_name', 'Key (name)=(Rex) already exists.',
    ]);
  });
});
