// `sql.transaction()`: several queries in one request.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { neon, NeonDbError } from '@neondatabase/serverless';
import { plain, sql } from './fixture.mjs';
import { connectionString, direct, failure, observed } from './proxy.mjs';

describe('transactions', () => {
  test('a list of queries', async () => {
    const answers = await sql.transaction([
      sql`INSERT INTO neon_author VALUES (${3}, 'Cy') RETURNING id`,
      sql`SELECT count(*) FROM neon_author`,
      sql.query('DELETE FROM neon_author WHERE id = $1', [3]),
    ]);
    assert.deepEqual(answers, [[{ id: 3 }], [{ count: '3' }], []]);
    assert.equal(await authors(), 2);
  });

  test('a function of queries', async () => {
    const answers = await sql.transaction((tx) => [tx`SELECT 1 AS a`, tx`SELECT ${'b'} AS b`]);
    assert.deepEqual(answers, [[{ a: 1 }], [{ b: 'b' }]]);
  });

  test('an empty list', async () => {
    const answers = await observed(async () => assert.deepEqual(await sql.transaction([]), []));
    assert.equal(answers.length, 1); // The driver does ask.
  });

  test('it is one transaction', async () => {
    const answers = await sql.transaction([
      sql`SELECT pg_current_xact_id()::text AS id`,
      sql`SELECT pg_current_xact_id()::text AS id`,
    ]);
    assert.match(answers[0][0].id, /^\d+$/);
    assert.deepEqual(answers[0], answers[1]);
  });

  test('each query with options of its own', async () => {
    const answers = await sql.transaction(
      [
        sql.query('SELECT 1 AS a', [], { arrayMode: true }),
        sql.query('SELECT 2 AS a', [], { fullResults: false }),
        sql`SELECT 3 AS a`,
      ],
      { fullResults: true },
    );
    assert.deepEqual(answers[0].rows, [[1]]);
    assert.deepEqual(answers[1], [{ a: 2 }]);
    assert.deepEqual(answers[2].rows, [{ a: 3 }]);
    assert.equal(answers[2].command, 'SELECT');
  });

  for (const [isolationLevel, expected] of [
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ]) {
    test(isolationLevel, async () => {
      const [[row]] = await sql.transaction([sql`SHOW transaction_isolation`], { isolationLevel });
      assert.deepEqual(row, { transaction_isolation: expected });
    });
  }

  test('readOnly and deferrable, for one and for all', async () => {
    const modes = (of, options) =>
      of.transaction(
        [
          of`SELECT current_setting('transaction_isolation') AS isolation,
            current_setting('transaction_read_only') AS read_only,
            current_setting('transaction_deferrable') AS deferrable`,
        ],
        options,
      );
    const check = async (of, options, isolation, readOnly, deferrable) => {
      const [[row]] = await modes(of, options);
      assert.deepEqual(row, { isolation, read_only: readOnly, deferrable });
    };
    await check(sql, undefined, 'read committed', 'off', 'off');
    await check(sql, { readOnly: true }, 'read committed', 'on', 'off');
    await check(sql, { readOnly: false, deferrable: false }, 'read committed', 'off', 'off');
    const all = neon(connectionString(), { isolationLevel: 'Serializable', readOnly: true, deferrable: true });
    await check(all, undefined, 'serializable', 'on', 'on');
    await check(all, { readOnly: false }, 'serializable', 'off', 'on');
  });

  test('a write in a read-only transaction is refused', async () => {
    const error = await failure(
      sql.transaction([sql`SELECT 1`, sql`DELETE FROM neon_book`], { readOnly: true }),
    );
    assert.ok(error instanceof NeonDbError);
    assert.equal(error.code, '25006');
    const { rows } = await direct.query('SELECT count(*)::int AS n FROM neon_book');
    assert.equal(rows[0].n, 3);
  });

  test('an error undoes everything', async () => {
    const error = await failure(
      sql.transaction([
        sql`INSERT INTO neon_author VALUES (5, 'Emmy')`,
        sql`UPDATE neon_author SET name = 'X'`,
        sql`INSERT INTO neon_author VALUES (1, 'Ada again')`,
        sql`INSERT INTO neon_author VALUES (6, 'never')`,
      ]),
    );
    assert.ok(error instanceof NeonDbError);
    assert.equal(error.code, '23505');
    assert.equal(error.detail, 'Key (id)=(1) already exists.');
    const { rows } = await direct.query('SELECT id, name FROM neon_author ORDER BY id');
    assert.deepEqual(plain(rows), [{ id: 1, name: 'Ada' }, { id: 2, name: 'Brontë' }]);
  });

  test('an error at the very end, too', async () => {
    await direct.query(`ALTER TABLE neon_book DROP CONSTRAINT written_by,
      ADD CONSTRAINT written_by FOREIGN KEY (author) REFERENCES neon_author DEFERRABLE INITIALLY DEFERRED`);
    const error = await failure(sql.transaction([sql`INSERT INTO neon_book VALUES (99, 99, 'Nobody')`, sql`SELECT 1`]));
    assert.equal(error.code, '23503');
    assert.equal(error.constraint, 'written_by');
    const { rows } = await direct.query('SELECT count(*)::int AS n FROM neon_book WHERE id = 99');
    assert.equal(rows[0].n, 0);
  });

  test('the end of the transaction is not for the client to say', async () => {
    const error = await failure(
      sql.transaction([sql`INSERT INTO neon_author VALUES (5, 'Emmy')`, sql`COMMIT`, sql`SELECT 1/0`]),
    );
    assert.ok(error instanceof NeonDbError);
    assert.match(error.message, /COMMIT/i);
    assert.equal(await authors(), 2);
  });

  test('an isolation level that is none', async () => {
    const error = await failure(sql.transaction([sql`SELECT 1`], { isolationLevel: 'Chaos' }));
    assert.ok(error instanceof NeonDbError);
    assert.match(error.message, /Isolation-Level/);
  });
});

async function authors() {
  return (await direct.query('SELECT count(*)::int AS n FROM neon_author')).rows[0].n;
}
