// `neon()` of @neondatabase/serverless, unmodified, with nothing but `fetchEndpoint` pointed at the proxy.

import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { neon, NeonDbError, neonConfig, Pool, types } from '@neondatabase/serverless';
import { connectionString, direct, failure, KEY, observed, PROXY } from './proxy.mjs';

const sql = neon(connectionString());

before(async () => {
  await direct.query(`
    DROP TABLE IF EXISTS neon_book, neon_author CASCADE;
    DROP TYPE IF EXISTS neon_mood, neon_pair CASCADE;
    DROP DOMAIN IF EXISTS neon_positive;
    CREATE TYPE neon_mood AS ENUM ('glad', 'so so');
    CREATE TYPE neon_pair AS (a int, b text);
    CREATE DOMAIN neon_positive AS int CONSTRAINT above_zero CHECK (VALUE > 0);
    CREATE TABLE neon_author (id int PRIMARY KEY, name text NOT NULL, CONSTRAINT named CHECK (name <> ''));
    CREATE TABLE neon_book (
      id int PRIMARY KEY,
      author int CONSTRAINT written_by REFERENCES neon_author,
      title varchar(40) CONSTRAINT one_title UNIQUE
    );
    CREATE OR REPLACE FUNCTION neon_raise() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'too "bad": é' USING ERRCODE = 'P7777', DETAIL = 'the detail', HINT = 'the hint',
        SCHEMA = 's', TABLE = 't', COLUMN = 'c', DATATYPE = 'd', CONSTRAINT = 'k';
    END $$;
    CREATE OR REPLACE FUNCTION neon_dynamic() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN EXECUTE 'SELECT nothing_there'; END $$;`);
});

beforeEach(async () => {
  await direct.query(`
    TRUNCATE neon_author, neon_book;
    INSERT INTO neon_author VALUES (1, 'Ada'), (2, 'Brontë');
    INSERT INTO neon_book VALUES (10, 1, 'Notes'), (20, 2, 'Villette'), (21, 2, 'Shirley');`);
});

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

describe('parameters', () => {
  for (const [name, type, value, expected] of [
    ['a string', 'text', 'é 🐘', 'é 🐘'],
    ['an empty string', 'text', '', ''],
    ['null', 'text', null, null],
    ['undefined', 'text', undefined, null],
    ['a whole number', 'int', -42, -42],
    ['a fraction', 'float8', 1.25e-7, 1.25e-7],
    ['a number as text', 'text', 1e21, '1e+21'],
    ['a bigint', 'int8', 9007199254740993n, '9007199254740993'],
    ['a bigint for a numeric', 'numeric', 123456789012345678901234567890n, '123456789012345678901234567890'],
    ['true', 'bool', true, true],
    ['false', 'bool', false, false],
    ['a boolean as text', 'text', true, 'true'],
    ['a date', 'timestamptz', new Date('2024-02-29T23:59:58.987Z'), new Date('2024-02-29T23:59:58.987Z')],
    ['an object', 'json', { a: [1, null, 'é'], b: { c: true } }, { a: [1, null, 'é'], b: { c: true } }],
    ['an object for jsonb', 'jsonb', { b: 1, a: '"' }, { a: '"', b: 1 }],
    ['a list of numbers', 'int[]', [1, null, 3], [1, null, 3]],
    ['a list of strings', 'text[]', ['a,b', '"', '\\', '', 'NULL', null, '{}'], ['a,b', '"', '\\', '', 'NULL', null, '{}']],
    ['an empty list', 'text[]', [], []],
    ['a list of lists', 'int[]', [[1, 2], [3, 4]], [[1, 2], [3, 4]]],
    ['a list of objects', 'jsonb[]', [{ a: 1 }, { b: ['x'] }], [{ a: 1 }, { b: ['x'] }]],
    ['a list of dates', 'timestamptz[]', [new Date(0)], [new Date(0)]],
    ['bytes', 'bytea', Buffer.from([0, 1, 127, 128, 255]), Buffer.from([0, 1, 127, 128, 255])],
    ['no bytes', 'bytea', Buffer.alloc(0), Buffer.alloc(0)],
    ['an enum', 'neon_mood', 'so so', 'so so'],
  ]) {
    test(`${name} for ${type}`, async () => {
      const text = `SELECT $1::${type} AS it`;
      const [{ it }] = await sql.query(text, [value]);
      assert.deepEqual(it, expected);
      // node-postgres does not know bigints in JSON, but as parameters.
      const { rows } = await direct.query(text, [value]);
      assert.deepEqual(plain(it), plain(rows[0].it));
    });
  }

  test('a parameter of a type that only the table knows', async () => {
    await sql`INSERT INTO neon_author (id, name) VALUES (${'8'}, ${'Hedy'})`;
    assert.deepEqual(await sql`SELECT name FROM neon_author WHERE id = ANY(${[8, 1]}) ORDER BY id`, [
      { name: 'Ada' },
      { name: 'Hedy' },
    ]);
  });

  test('a hundred parameters', async () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    const sum = numbers.map((n) => `$${n}::int`).join(' + ');
    assert.deepEqual(await sql.query(`SELECT ${sum} AS sum`, numbers), [{ sum: 5050 }]);
  });
});

describe('values', () => {
  // Each is asked of node-postgres, too: the driver promises the same types.
  for (const [expression, expected] of [
    ['true', true],
    ['false', false],
    ['1::int2', 1],
    ['(-2147483648)::int4', -2147483648],
    ['9223372036854775807::int8', '9223372036854775807'],
    ['1.0e-5::float4', 0.00001],
    ['0.1::float4', 0.1],
    ['0.1::float8 + 0.2::float8', 0.1 + 0.2],
    ['1e300::float8', 1e300],
    [`'NaN'::float8`, NaN],
    [`'-Infinity'::float8`, -Infinity],
    ['12345678901234567890.123456789000::numeric', '12345678901234567890.123456789000'],
    [`'NaN'::numeric`, 'NaN'],
    [`'1234.5'::money`, '$1,234.50'],
    [`4294967295::oid`, 4294967295],
    [`'é "quoted" \\ 🐘'::text`, 'é "quoted" \\ 🐘'],
    [`E'tab\\there\\nline'::text`, 'tab\there\nline'],
    [`'ab'::char(4)`, 'ab  '],
    [`'ab'::varchar(4)`, 'ab'],
    [`'x'::"char"`, 'x'],
    [`'name'::name`, 'name'],
    [`'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid`, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    [`'{"b": 1, "a": [null, "é", 1.5]}'::json`, { b: 1, a: [null, 'é', 1.5] }],
    [`'{"b": 1, "a": [null, "é", 1.5]}'::jsonb`, { b: 1, a: [null, 'é', 1.5] }],
    [`'null'::jsonb`, null],
    [`'"text"'::jsonb`, 'text'],
    [`'3'::json`, 3],
    [`'2024-02-29'::date`, new Date(2024, 1, 29)],
    [`'2024-02-29 12:34:56.789'::timestamp`, new Date(2024, 1, 29, 12, 34, 56, 789)],
    [`'2024-02-29 12:34:56.789+02'::timestamptz`, new Date('2024-02-29T10:34:56.789Z')],
    [`'0044-03-15 BC'::date`, new Date(new Date(2000, 2, 15).setFullYear(-43))],
    [`'infinity'::timestamptz`, Infinity],
    [`'12:34:56.7'::time`, '12:34:56.7'],
    [`'12:34:56+02'::timetz`, '12:34:56+02'],
    [`'1 year 2 mons -3 days 04:05:06.007'::interval`, { years: 1, months: 2, days: -3, hours: 4, minutes: 5, seconds: 6, milliseconds: 7 }],
    [`'\\x00ff7f80'::bytea`, Buffer.from([0, 255, 127, 128])],
    [`''::bytea`, Buffer.alloc(0)],
    [`'(1.5,-2)'::point`, { x: 1.5, y: -2 }],
    [`'<(1,2),3>'::circle`, { x: 1, y: 2, radius: 3 }],
    [`'192.168.0.1/24'::inet`, '192.168.0.1/24'],
    [`'10.0.0.0/8'::cidr`, '10.0.0.0/8'],
    [`'08:00:2b:01:02:03'::macaddr`, '08:00:2b:01:02:03'],
    [`B'1011'::bit(4)`, '1011'],
    [`'[1,5)'::int4range`, '[1,5)'],
    [`'{[1,3),[5,7)}'::int4multirange`, '{[1,3),[5,7)}'],
    [`to_tsvector('simple', 'two words')`, `'two':1 'words':2`],
    [`'pg_class'::regclass`, 'pg_class'],
    [`'glad'::neon_mood`, 'glad'],
    [`ROW(1, 'b,"c')::neon_pair`, '(1,"b,""c")'],
    [`5::neon_positive`, 5],
    ['null::int', null],
    ['null::text[]', null],
    [`ARRAY[1, null, 3]::int[]`, [1, null, 3]],
    [`ARRAY[9223372036854775807]::int8[]`, ['9223372036854775807']],
    [`ARRAY[true, null, false]`, [true, null, false]],
    [`ARRAY['a,b', 'c"d', 'NULL', null, '']::text[]`, ['a,b', 'c"d', 'NULL', null, '']],
    [`ARRAY[[1, 2], [3, 4]]`, [[1, 2], [3, 4]]],
    [`'{}'::text[]`, []],
    [`'[5:6]={1,2}'::int[]`, [1, 2]],
    [`ARRAY[0.5, 'NaN']::float8[]`, [0.5, NaN]],
    [`ARRAY[1.50]::numeric[]`, [1.5]],
    [`ARRAY['{"a": 1}', 'null']::json[]`, [{ a: 1 }, null]],
    [`ARRAY['{"a": "b,c"}']::jsonb[]`, [{ a: 'b,c' }]],
    [`ARRAY['2024-02-29 12:00+00']::timestamptz[]`, [new Date('2024-02-29T12:00:00Z')]],
    [`ARRAY['\\x01ff'::bytea, null]`, [Buffer.from([1, 255]), null]],
    [`ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']::uuid[]`, ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
    [`ARRAY['glad']::neon_mood[]`, '{glad}'],
  ]) {
    test(expression, async () => {
      const text = `SELECT ${expression} AS it`;
      const [{ it }] = await sql.query(text);
      assert.deepEqual(plain(it), plain(expected));
      const { rows } = await direct.query(text);
      assert.deepEqual(plain(it), plain(rows[0].it));
    });
  }

  test('ten thousand rows', async () => {
    const rows = await sql`SELECT n, n * n AS square FROM generate_series(1, 10000) n`;
    assert.equal(rows.length, 10000);
    assert.deepEqual(rows[9999], { n: 10000, square: 100000000 });
  });

  test('a megabyte of text', async () => {
    const text = 'é🐘'.repeat(150_000);
    const [{ it, bytes }] = await sql`SELECT ${text}::text AS it, octet_length(${text}) AS bytes`;
    assert.equal(bytes, 900_000);
    assert.ok(it === text);
  });
});

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
    assert.deepEqual(await sql.transaction([]), []);
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

  // node-postgres's own words name a prepared statement, so only the code is the same.
  for (const [name, text, params] of [
    ['too few parameters', 'SELECT $1::text, $2::text', ['a']],
    ['too many parameters', 'SELECT $1::text', ['a', 'b']],
  ]) {
    test(name, async () => {
      const error = await failure(sql.query(text, params));
      assert.ok(error instanceof NeonDbError, String(error));
      assert.match(error.message, /parameters/);
      assert.match(error.message, new RegExp(`\\b${params.length}\\b`));
      assert.equal(error.code, '08P01');
      assert.equal(error.severity, 'ERROR');
    });
  }

  test('the next query does not suffer', async () => {
    await failure(sql`SELECT 1/0`);
    assert.deepEqual(await sql`SELECT 1 AS fine`, [{ fine: 1 }]);
  });
});

// The driver has no sessions: a statement is judged by the schema as it is now, whoever sent it before.
describe('a change of the schema under statements already seen', () => {
  const changes = async ({ table, create, change, text, before, after }) => {
    await direct.query(`DROP TABLE IF EXISTS ${table}; DROP TYPE IF EXISTS ${table}_type; ${create}`);
    for (let round = 0; round < 3; round += 1) {
      await sql.query(text, before);
    }
    await direct.query(change);
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

  test('a table made anew', async () => {
    const create = 'CREATE TABLE neon_table (a int)';
    const text = 'SELECT a FROM neon_table';
    await changes({ table: 'neon_table', create, change: `DROP TABLE neon_table; ${create}`, text });
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

  test('a parameter that now has a time zone', async () => {
    await changes({
      table: 'neon_zone',
      create: 'CREATE TABLE neon_zone (a timestamp)',
      change: 'TRUNCATE neon_zone; ALTER TABLE neon_zone ALTER a TYPE timestamptz',
      text: 'INSERT INTO neon_zone VALUES ($1)',
      before: ['2024-01-01 00:00:00'],
      after: ['2024-01-01 00:00:00+05'],
    });
    const { rows } = await direct.query('SELECT a FROM neon_zone');
    assert.equal(rows[0].a.toISOString(), '2023-12-31T19:00:00.000Z');
  });
});

describe('credentials', () => {
  const asked = (client) => client`SELECT current_database() AS name`;
  let expected;

  before(async () => {
    expected = (await direct.query('SELECT current_database() AS name')).rows;
    expected = plain(expected);
  });

  test('the key as the password, every character of it encoded', async () => {
    const key = Array.from(new TextEncoder().encode(KEY), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    assert.deepEqual(await asked(neon(connectionString({}, { key }))), expected);
  });

  test('the key as a parameter, and as a function', async () => {
    const rest = { host: 'db.example.com', user: 'anybody', database: 'default' };
    assert.deepEqual(await asked(neon({ ...rest, password: encodeURIComponent(KEY) })), expected);
    const later = neon('postgresql://anybody@db.example.com/default', { password: async () => encodeURIComponent(KEY) });
    assert.deepEqual(await asked(later), expected);
  });

  test('the key as authToken', async () => {
    const bare = 'postgresql://anybody@db.example.com/default';
    assert.deepEqual(await asked(neon(bare, { authToken: KEY })), expected);
    assert.deepEqual(await asked(neon(bare, { authToken: async () => KEY })), expected);
    const [[row]] = await neon(bare, { authToken: KEY }).transaction([asked(neon(bare))]);
    assert.deepEqual([row], expected);
  });

  test('authToken wins over the password', async () => {
    const wrong = connectionString({}, { key: 'nobody-knows-this-key' });
    assert.deepEqual(await asked(neon(wrong, { authToken: KEY })), expected);
    await refused(neon(connectionString(), { authToken: 'nobody-knows-this-key' }), 401);
  });

  test('options that mean nothing here do no harm', async () => {
    const options = { sslmode: 'require', channel_binding: 'require', options: 'endpoint=ep-x-1', connect_timeout: '10' };
    assert.deepEqual(await asked(neon(connectionString(options))), expected);
  });

  test('a wrong key', async () => {
    const error = await refused(neon(connectionString({}, { key: 'nobody-knows-this-key' })), 401);
    assert.ok(!error.message.includes('nobody-knows-this-key'));
    assert.match(error.message, /credential|key/);
  });

  test('no key', async () => {
    await refused(neon('postgresql://anybody@db.example.com/default'), 401);
  });

  test('almost the key', async () => {
    await refused(neon(connectionString({}, { key: encodeURIComponent(KEY.slice(0, -1)) })), 401);
    await refused(neon(connectionString({}, { key: encodeURIComponent(`${KEY}x`) })), 401);
    await refused(neon(connectionString({}, { key: encodeURIComponent(KEY.toUpperCase()) })), 401);
  });

  test('a wrong key in a transaction', async () => {
    const wrong = neon(connectionString({}, { key: 'nobody-knows-this-key' }));
    const error = await failure(wrong.transaction([wrong`DELETE FROM neon_book`]));
    assert.match(error.message, /^Server error \(HTTP status 401\)/);
    const { rows } = await direct.query('SELECT count(*)::int AS n FROM neon_book');
    assert.equal(rows[0].n, 3);
  });

  test('an unknown database', async () => {
    const error = await refused(neon(connectionString({}, { database: 'elsewhere' })), 404);
    assert.match(error.message, /elsewhere|database/);
  });

  // The driver parses a 400 only; of every other status it shows the whole body.
  async function refused(client, status) {
    const error = await failure(asked(client));
    assert.ok(error instanceof NeonDbError, String(error));
    const [, seen, body] = /^Server error \(HTTP status (\d+)\): (.*)$/s.exec(error.message) ?? [];
    assert.equal(seen, String(status), error.message);
    assert.equal(typeof JSON.parse(body).message, 'string');
    return error;
  }
});

describe('the cache', () => {
  const name = (client) => client`SELECT name FROM neon_author WHERE id = ${1}`;
  const rename = (to) => direct.query('UPDATE neon_author SET name = $1 WHERE id = 1', [to]);
  const invalidate = async (tags) => {
    const answer = await fetch(`${PROXY}/invalidate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ tags }),
    });
    assert.equal(answer.status, 200);
  };

  beforeEach(() => invalidate('all'));

  test('nothing is cached unasked', async () => {
    assert.deepEqual(await name(sql), [{ name: 'Ada' }]);
    await rename('Augusta');
    assert.deepEqual(await name(sql), [{ name: 'Augusta' }]);
    const [headers] = await observed(() => name(sql));
    assert.equal(headers.get('age'), null);
  });

  test('the connection string asks', async () => {
    const cached = neon(connectionString({ cache_max_age: '60' }));
    const [first] = await observed(() => name(cached));
    assert.equal(first.get('cache-status'), 'pool-proxy; fwd=miss; stored');
    await rename('Augusta');
    const [second] = await observed(async () => assert.deepEqual(await name(cached), [{ name: 'Ada' }]));
    assert.match(second.get('cache-status'), /^pool-proxy; hit; ttl=\d+$/);
    assert.match(second.get('age'), /^\d+$/);
    // Another parameter, another statement, no wish: other answers.
    assert.deepEqual(await cached`SELECT name FROM neon_author WHERE id = ${2}`, [{ name: 'Brontë' }]);
    assert.deepEqual(await cached`SELECT name FROM neon_author WHERE id=${1}`, [{ name: 'Augusta' }]);
    assert.deepEqual(await name(sql), [{ name: 'Augusta' }]);
  });

  test('the options of the driver work on a cached answer', async () => {
    const cached = neon(connectionString({ cache_max_age: '60' }));
    await name(cached);
    await rename('Augusta');
    const text = 'SELECT name FROM neon_author WHERE id = $1';
    const query = (options) => cached.query(text, [1], options);
    assert.deepEqual(await query({ arrayMode: true }), [['Ada']]);
    const full = await query({ fullResults: true });
    assert.deepEqual([full.command, full.rowCount, full.rows], ['SELECT', 1, [{ name: 'Ada' }]]);
  });

  test('tags in the connection string', async () => {
    const cached = neon(connectionString({ cache_max_age: '60', cache_tags: 'authors,all_names' }));
    await name(cached);
    await rename('Augusta');
    await invalidate(['others']);
    assert.deepEqual(await name(cached), [{ name: 'Ada' }]);
    await invalidate(['all_names']);
    assert.deepEqual(await name(cached), [{ name: 'Augusta' }]);
  });

  test('headers added by fetchFunction', async () => {
    const headers = { 'Cache-Control': 'max-age=60', 'Cache-Tag': 'authors' };
    await observed(() => name(sql), headers);
    await rename('Augusta');
    const [hit] = await observed(async () => assert.deepEqual(await name(sql), [{ name: 'Ada' }]), headers);
    assert.match(hit.get('cache-status'), /; hit; /);
    const refresh = { ...headers, 'Cache-Control': 'no-cache, max-age=60' };
    const [fresh] = await observed(async () => assert.deepEqual(await name(sql), [{ name: 'Augusta' }]), refresh);
    assert.equal(fresh.get('cache-status'), 'pool-proxy; fwd=request; stored');
    await rename('Lovelace');
    await observed(async () => assert.deepEqual(await name(sql), [{ name: 'Augusta' }]), headers);
  });

  // The driver's own headers go when these come, so all of them have to be said.
  test('headers of fetchOptions', async () => {
    const headers = {
      Authorization: `Bearer ${KEY}`,
      'Neon-Raw-Text-Output': 'true',
      'Neon-Array-Mode': 'true',
      'Cache-Control': 'max-age=60',
    };
    const query = (client) => client.query(`SELECT name, id, '{1,2}'::int[] AS list FROM neon_author WHERE id = 1`);
    const cached = neon('postgresql://anybody@db.example.com/default', { fetchOptions: { headers } });
    await query(cached);
    await rename('Augusta');
    assert.deepEqual(await query(cached), [{ name: 'Ada', id: 1, list: [1, 2] }]);
    assert.deepEqual(await query(sql), [{ name: 'Augusta', id: 1, list: [1, 2] }]);
  });

  // Frameworks ask for this; fetch then sends `Cache-Control: no-cache` or `max-age=0`.
  for (const cache of ['no-store', 'no-cache', 'reload']) {
    test(`fetch's own cache: ${cache}`, async () => {
      const address = connectionString({ cache_max_age: '60' });
      await name(neon(address));
      await rename('Augusta');
      assert.deepEqual(await name(neon(address, { fetchOptions: { cache } })), [{ name: 'Augusta' }]);
    });
  }

  test('a write runs, every time', async () => {
    const cached = neon(connectionString({ cache_max_age: '60' }));
    const write = () => cached`UPDATE neon_author SET name = name || '!' WHERE id = 1 RETURNING name`;
    assert.deepEqual(await write(), [{ name: 'Ada!' }]);
    const [headers] = await observed(async () => assert.deepEqual(await write(), [{ name: 'Ada!!' }]));
    assert.match(headers.get('cache-status'), /^pool-proxy; fwd=bypass; detail=/);
  });

  test('a transaction runs, every time', async () => {
    const cached = neon(connectionString({ cache_max_age: '60' }));
    assert.deepEqual(await cached.transaction([name(cached)]), [[{ name: 'Ada' }]]);
    await rename('Augusta');
    assert.deepEqual(await cached.transaction([name(cached)]), [[{ name: 'Augusta' }]]);
  });

  test('an error is not cached', async () => {
    const cached = neon(connectionString({ cache_max_age: '60' }));
    const divided = () => cached`SELECT 1 / (id - 1) AS it FROM neon_author ORDER BY id LIMIT 1`;
    assert.equal((await failure(divided())).code, '22012');
    await direct.query('DELETE FROM neon_book; DELETE FROM neon_author WHERE id = 1');
    assert.deepEqual(await divided(), [{ it: 1 }]);
  });

  test('a wish that makes no sense', async () => {
    const error = await failure(name(neon(connectionString({ cache_max_age: 'soon' }))));
    assert.ok(error instanceof NeonDbError);
    assert.match(error.message, /cache_max_age/);
  });
});

async function authors() {
  return (await direct.query('SELECT count(*)::int AS n FROM neon_author')).rows[0].n;
}

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

/** The same values without their classes, which each driver has of its own; dates and bytes stay. */
function plain(value) {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== 'object' || value instanceof Date || Buffer.isBuffer(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
