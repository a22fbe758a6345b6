// Values of every type, on their way to Postgres and back.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { plain, sql } from './fixture.mjs';
import { direct } from './proxy.mjs';

before(async () => {
  await direct.query(`
    DROP TYPE IF EXISTS neon_mood, neon_pair CASCADE;
    DROP DOMAIN IF EXISTS neon_positive;
    CREATE TYPE neon_mood AS ENUM ('glad', 'so so');
    CREATE TYPE neon_pair AS (a int, b text);
    CREATE DOMAIN neon_positive AS int CHECK (VALUE > 0);`);
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
