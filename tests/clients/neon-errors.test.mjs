// What `neon()` throws.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { NeonDbError } from '@neondatabase/serverless';
import { sql } from './fixture.mjs';
import { direct, failure } from './proxy.mjs';

before(async () => {
  await direct.query(`
    DROP DOMAIN IF EXISTS neon_positive;
    CREATE DOMAIN neon_positive AS int CONSTRAINT above_zero CHECK (VALUE > 0);
    CREATE OR REPLACE FUNCTION neon_raise() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'too "bad": é' USING ERRCODE = 'P7777', DETAIL = 'the detail', HINT = 'the hint',
        SCHEMA = 's', TABLE = 't', COLUMN = 'c', DATATYPE = 'd', CONSTRAINT = 'k';
    END $$;
    CREATE OR REPLACE FUNCTION neon_dynamic() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN EXECUTE 'SELECT nothing_there'; END $$;`);
});

describe('errors', () => {
  const FIELDS = [
    'severity', 'code', 'detail', 'hint', 'position', 'internalPosition', 'internalQuery', 'where', 'schema', 'table',
    'column', 'dataType', 'constraint', 'file', 'line', 'routine',
  ];

  // What is expected by hand, and in every field what node-postgres says.
  for (const [name, text, params, expected] of [
    ['a duplicate', `INSERT INTO neon_book VALUES (11, 1, $1)`, ['Notes'], {
      message: 'duplicate key value violates unique constraint "one_title"',
      code: '23505', severity: 'ERROR', detail: 'Key (title)=(Notes) already exists.', schema: 'public',
      table: 'neon_book', constraint: 'one_title', column: undefined, position: undefined,
    }],
    ['a null', `INSERT INTO neon_author (id) VALUES (9)`, [], {
      code: '23502', table: 'neon_author', column: 'name', detail: 'Failing row contains (9, null).',
    }],
    ['a missing row', `INSERT INTO neon_book VALUES (11, 77, 'x')`, [], { code: '23503', constraint: 'written_by' }],
    ['a check', `INSERT INTO neon_author VALUES (9, '')`, [], { code: '23514', constraint: 'named' }],
    ['a domain', `SELECT (-1)::neon_positive`, [], { code: '23514', dataType: 'neon_positive', constraint: 'above_zero' }],
    ['a value too long', `INSERT INTO neon_book VALUES (11, 1, repeat('x', 41))`, [], { code: '22001' }],
    ['a slip of the pen', `SELEC 1`, [], {
      code: '42601', position: '1', message: 'syntax error at or near "SELEC"', routine: 'scanner_yyerror',
    }],
    ['a slip after an é', `SELECT 'é', nam FROM neon_author`, [], {
      code: '42703', position: '13', hint: 'Perhaps you meant to reference the column "neon_author.name".',
    }],
    ['an unknown table', `SELECT * FROM neon_nowhere`, [], { code: '42P01', position: '15' }],
    ['a division by zero', `SELECT 1/0`, [], { code: '22012', message: 'division by zero' }],
    ['an error of one\'s own', `SELECT neon_raise()`, [], {
      message: 'too "bad": é', code: 'P7777', detail: 'the detail', hint: 'the hint', schema: 's', table: 't',
      column: 'c', dataType: 'd', constraint: 'k', where: 'PL/pgSQL function neon_raise() line 3 at RAISE',
    }],
    ['a slip in a function', `SELECT neon_dynamic()`, [], {
      code: '42703', internalQuery: 'SELECT nothing_there', internalPosition: '8',
    }],
    ['two statements', `SELECT 1; SELECT $1`, ['2'], { code: '42601' }],
    ['a word for a number', `SELECT $1::int`, ['one'], {
      code: '22P02', message: 'invalid input syntax for type integer: "one"',
    }],
  ]) {
    test(name, async () => {
      const error = await failure(sql.query(text, params));
      assert.ok(error instanceof NeonDbError, String(error));
      for (const [field, value] of Object.entries(expected)) {
        assert.equal(error[field], value, field);
      }
      // A list, even an empty one, makes node-postgres prepare the statement, as the proxy does.
      const right = await failure(direct.query({ text, values: params, queryMode: 'extended' }));
      assert.equal(error.message, right.message);
      for (const field of FIELDS) {
        assert.equal(error[field], right[field], field);
      }
    });
  }

  // These the proxy finds itself, in Postgres's words, but without a place in Postgres's source.
  for (const [name, text, params] of [
    ['too few parameters', 'SELECT $1::text, $2::text', ['a']],
    ['too many parameters', 'SELECT $1::text', ['a', 'b']],
    ['a parameter for none', 'SELECT 1', ['a']],
  ]) {
    test(name, async () => {
      const error = await failure(sql.query(text, params));
      assert.ok(error instanceof NeonDbError, String(error));
      assert.equal(error.code, '08P01');
      assert.equal(error.severity, 'ERROR');
      const right = await failure(direct.query({ text, values: params, queryMode: 'extended' }));
      assert.equal(error.message, right.message);
      for (const field of FIELDS.filter((field) => !['file', 'line', 'routine'].includes(field))) {
        assert.equal(error[field], right[field], field);
      }
    });
  }

  test('the error has its name, and nothing of the request in it', async () => {
    const error = await failure(sql.query('SELECT 1/($1::int - $1::int)', [4711]));
    assert.equal(error.name, 'NeonDbError');
    assert.equal(error.sourceError, undefined);
    assert.ok(!JSON.stringify({ ...error, message: error.message }).includes('4711'));
  });

  test('an error in a transaction has the same fields', async () => {
    const text = `INSERT INTO neon_author VALUES (9, '')`;
    const error = await failure(sql.transaction([sql`SELECT 1`, sql.query(text)]));
    assert.ok(error instanceof NeonDbError, String(error));
    const right = await failure(direct.query({ text, values: [], queryMode: 'extended' }));
    assert.equal(error.message, right.message);
    for (const field of FIELDS) {
      assert.equal(error[field], right[field], field);
    }
  });

  test('the next query does not suffer', async () => {
    await failure(sql`SELECT 1/0`);
    assert.deepEqual(await sql`SELECT 1 AS fine`, [{ fine: 1 }]);
  });
});
