// The API key and the database, in every place where `neon()` takes them.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { neon, NeonDbError } from '@neondatabase/serverless';
import { plain } from './fixture.mjs';
import { connectionString, direct, failure, KEY } from './proxy.mjs';

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
    assert.deepEqual(await asked(neon(bare, { authToken: () => KEY })), expected);
    assert.deepEqual(await asked(neon(bare, { authToken: async () => KEY })), expected);
    assert.deepEqual(await neon(bare).query('SELECT current_database() AS name', [], { authToken: KEY }), expected);
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
