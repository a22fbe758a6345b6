// A schema that changes under `neon()`, which has no sessions: a statement is judged by the schema as it is now, whoever
// sent it before.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { neon } from '@neondatabase/serverless';
import { connectionString, direct } from './proxy.mjs';

const sql = neon(connectionString());

describe('a change of the schema under statements already seen', () => {
  // `change` is made past the proxy, or, if it is a list of statements, through it.
  const changes = async ({ table, create, change, text, before, after }) => {
    await direct.query(`DROP TABLE IF EXISTS ${table}; DROP TYPE IF EXISTS ${table}_type; ${create}`);
    for (let round = 0; round < 3; round += 1) {
      await sql.query(text, before);
    }
    if (Array.isArray(change)) {
      await sql.transaction(change.map((statement) => sql.query(statement)));
    } else {
      await direct.query(change);
    }
    return sql.query(text, after);
  };

  test('other columns', async () => {
    const rows = await changes({
      table: 'neon_columns',
      create: 'CREATE TABLE neon_columns (a int); INSERT INTO neon_columns VALUES (1)',
      change: `ALTER TABLE neon_columns ADD b text DEFAULT 'x', ALTER a TYPE text USING 'a' || a`,
      text: 'SELECT * FROM neon_columns',
    });
    assert.deepEqual(rows, [{ a: 'a1', b: 'x' }]);
  });

  test('a type made anew', async () => {
    const create = (values) =>
      `CREATE TYPE neon_enum_type AS ENUM (${values}); CREATE TABLE neon_enum (a neon_enum_type)`;
    const rows = await changes({
      table: 'neon_enum',
      create: create(`'one'`),
      change: `DROP TABLE neon_enum; DROP TYPE neon_enum_type; ${create(`'one', 'two'`)}`,
      text: 'INSERT INTO neon_enum VALUES ($1) RETURNING a',
      before: ['one'],
      after: ['two'],
    });
    assert.deepEqual(rows, [{ a: 'two' }]);
  });

  test('a result of a type made anew', async () => {
    const create = `CREATE TYPE neon_result_type AS ENUM ('one')`;
    const rows = await changes({
      table: 'neon_result',
      create,
      change: `DROP TYPE neon_result_type; ${create}`,
      text: `SELECT 'one'::neon_result_type AS a`,
    });
    assert.deepEqual(rows, [{ a: 'one' }]);
  });

  // Through the proxy, which knows at once then: to Postgres the old statement still fits, as the columns have the same
  // names and types, so of a change made past the proxy nothing would tell before a minute is over.
  test('a table made anew', async () => {
    const create = 'CREATE TABLE neon_table (a int)';
    const text = 'SELECT a FROM neon_table';
    await changes({ table: 'neon_table', create, change: ['DROP TABLE neon_table', create], text });
    const { fields } = await sql.query(text, [], { fullResults: true });
    const { rows } = await direct.query(`SELECT 'neon_table'::regclass::oid AS oid`);
    assert.equal(fields[0].tableID, rows[0].oid);
  });

  test('a parameter of another type', async () => {
    const rows = await changes({
      table: 'neon_other',
      create: 'CREATE TABLE neon_other (a int)',
      change: 'ALTER TABLE neon_other ALTER a TYPE text',
      text: 'INSERT INTO neon_other VALUES ($1) RETURNING a',
      before: ['1'],
      after: ['one'],
    });
    assert.deepEqual(rows, [{ a: 'one' }]);
  });

  // Through the proxy, too: Postgres would go on reading the parameter as a timestamp, overlook the zone in it, and
  // report nothing.
  test('a parameter that now has a time zone', async () => {
    await changes({
      table: 'neon_zone',
      create: 'CREATE TABLE neon_zone (a timestamp)',
      change: ['TRUNCATE neon_zone', 'ALTER TABLE neon_zone ALTER a TYPE timestamptz'],
      text: 'INSERT INTO neon_zone VALUES ($1)',
      before: ['2024-01-01 00:00:00'],
      after: ['2024-01-01 00:00:00+05'],
    });
    const { rows } = await direct.query('SELECT a FROM neon_zone');
    assert.equal(rows[0].a.toISOString(), '2023-12-31T19:00:00.000Z');
  });
});
