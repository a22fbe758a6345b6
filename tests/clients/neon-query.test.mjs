// Single queries of `neon()`: how they are asked, and what shape their answers have.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { neon, neonConfig, Pool, types } from '@neondatabase/serverless';
import { plain, sql } from './fixture.mjs';
import { connectionString, direct, failure } from './proxy.mjs';

describe('queries', () => {
  test('a tagged template', async () => {
    const name = 'Brontë';
    const rows = await sql`SELECT b.id, b.title FROM neon_book b JOIN neon_author a ON a.id = b.author
      WHERE a.name = ${name} AND b.id > ${20}`;
    assert.deepEqual(rows, [{ id: 21, title: 'Shirley' }]);
  });

  test('a template in a template, and a piece of raw SQL', async () => {
    const both = sql`${'a'} || ${'b'}`;
    const rows = await sql`SELECT ${both} || ${'c'} AS ${sql.unsafe('abc')}`;
    assert.deepEqual(rows, [{ abc: 'abc' }]);
  });

  test('a text with parameters', async () => {
    const rows = await sql.query('SELECT name FROM neon_author WHERE id = $1 OR name = $2 ORDER BY id', [2, 'Ada']);
    assert.deepEqual(rows, [{ name: 'Ada' }, { name: 'Brontë' }]);
  });

  test('no rows', async () => {
    assert.deepEqual(await sql`SELECT id FROM neon_author WHERE false`, []);
  });

  test('a value stays a value', async () => {
    const hostile = `'; DROP TABLE neon_author; -- \\ " $1 é 🐘 \n\t\u0001 \u2028`;
    assert.deepEqual(await sql`SELECT ${hostile} AS it`, [{ it: hostile }]);
  });

  test('of two columns of one name the driver keeps the last', async () => {
    assert.deepEqual(await sql`SELECT 1 AS a, 2 AS b, 3 AS a`, [{ a: 3, b: 2 }]);
  });

  test('arrayMode', async () => {
    const rows = await sql.query('SELECT 1 AS a, 2 AS b, 3 AS a', [], { arrayMode: true });
    assert.deepEqual(rows, [[1, 2, 3]]);
    const always = neon(connectionString(), { arrayMode: true });
    assert.deepEqual(await always`SELECT ${'x'} AS a, null AS b`, [['x', null]]);
  });

  test('fullResults are those of node-postgres', async () => {
    for (const [text, params, command, rowCount] of [
      ['SELECT id, title::varchar(7) AS short, 1.5::numeric(5, 2) AS n FROM neon_book ORDER BY id', [], 'SELECT', 3],
      ['SELECT id FROM neon_book WHERE false', [], 'SELECT', 0],
      ['INSERT INTO neon_author VALUES ($1, $2), (4, \'Dee\') RETURNING name AS called', [3, 'Cy'], 'INSERT', 2],
      ['UPDATE neon_book SET title = upper(title) WHERE author = $1', [2], 'UPDATE', 2],
      ['DELETE FROM neon_book', [], 'DELETE', 3],
      ['CREATE TABLE IF NOT EXISTS neon_author ()', [], 'CREATE', null],
    ]) {
      const { fields, rows, ...rest } = await sql.query(text, params, { fullResults: true });
      assert.equal(rest.command, command, text);
      assert.equal(rest.rowCount, rowCount, text);
      assert.equal(rest.rowAsArray, false, text);
      const again = await rolledBack(text, params);
      assert.deepEqual(fields, again.fields.map((field) => ({ ...field })), text);
      // What was changed the first time is there no more the second time.
      if (command === 'SELECT') {
        assert.deepEqual(plain(rows), plain(again.rows), text);
      }
    }
  });

  test('fullResults with arrayMode', async () => {
    const result = await sql.query('SELECT name, id FROM neon_author ORDER BY id', [], {
      arrayMode: true,
      fullResults: true,
    });
    assert.equal(result.rowAsArray, true);
    assert.equal(result.rowCount, 2);
    assert.deepEqual(result.rows, [['Ada', 1], ['Brontë', 2]]);
    assert.deepEqual(result.fields.map(({ name, dataTypeID, columnID }) => [name, dataTypeID, columnID]), [
      ['name', types.builtins.TEXT, 2],
      ['id', types.builtins.INT4, 1],
    ]);
  });

  test('an insert is there for everybody', async () => {
    assert.deepEqual(await sql`INSERT INTO neon_author VALUES (7, ${'Grace'}) RETURNING *`, [{ id: 7, name: 'Grace' }]);
    const { rows } = await direct.query('SELECT name FROM neon_author WHERE id = 7');
    assert.equal(rows[0].name, 'Grace');
  });

  test('fifty at once each get their own answer', async () => {
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const answers = await Promise.all(numbers.map((n) => sql`SELECT ${n}::int AS n, pg_sleep(0.01) IS NULL AS slept`));
    assert.deepEqual(answers.map(([row]) => row.n), numbers);
  });

  test('a setting is gone with its request', async () => {
    const [{ statement_timeout: before }] = await sql`SHOW statement_timeout`;
    await sql`SET statement_timeout = 4321`;
    const after = await Promise.all(Array.from({ length: 20 }, () => sql`SHOW statement_timeout`));
    assert.notEqual(before, '4321ms');
    assert.deepEqual(new Set(after.map(([row]) => row.statement_timeout)), new Set([before]));
  });

  test('custom type parsers get the text that Postgres printed', async () => {
    const custom = { getTypeParser: (oid) => (text) => `${oid}:${text}` };
    const rows = await sql.query(`SELECT 1.50::numeric AS n, '{ "a":1 }'::json AS j, true AS b, null::int AS i`, [], {
      types: custom,
    });
    assert.deepEqual(rows, [{ n: '1700:1.50', j: '114:{ "a":1 }', b: '16:t', i: null }]);
  });

  test('a pool that queries by HTTP', async () => {
    neonConfig.poolQueryViaFetch = true;
    const pool = new Pool({ connectionString: connectionString() });
    try {
      const result = await pool.query('SELECT id, name FROM neon_author WHERE id = $1', [2]);
      assert.deepEqual(result.rows, [{ id: 2, name: 'Brontë' }]);
      assert.equal(result.rowCount, 1);
      const error = await failure(pool.query('SELECT 1/0'));
      assert.equal(error.code, '22012');
    } finally {
      await pool.end();
      neonConfig.poolQueryViaFetch = false;
    }
  });

  test('an aborted request is cancelled in Postgres', async () => {
    const mark = `neon-abort-${process.pid}`;
    const running = async () => {
      const text = `SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE state = 'active' AND query LIKE '%pg_sleep%' || $1 || '%' AND pid <> pg_backend_pid()`;
      return (await direct.query(text, [mark])).rows[0].n;
    };
    const abort = new AbortController();
    const asked = failure(
      sql.query(`SELECT pg_sleep(300) /* ${mark} */`, [], { fetchOptions: { signal: abort.signal } }),
    );
    await eventually(async () => (await running()) === 1);
    abort.abort();
    assert.match((await asked).message, /abort/i);
    await eventually(async () => (await running()) === 0);
  });
});

/** What node-postgres answers to `text`, of which nothing stays. */
async function rolledBack(text, params) {
  const client = await direct.connect();
  try {
    await client.query('BEGIN');
    return await client.query({ text: text.replace('VALUES ($1', 'VALUES (100 + $1').replace('(4,', '(104,'), values: params });
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** Waits for what is true soon, for less than queries may take here (see `proxy` in clients.rs). */
async function eventually(question) {
  const deadline = Date.now() + 10_000;
  while (!(await question())) {
    assert.ok(Date.now() < deadline, `not true within 10 seconds: ${question}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
