// The cache, asked for in the ways that `neon()` has.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { neon, NeonDbError } from '@neondatabase/serverless';
import { sql } from './fixture.mjs';
import { connectionString, direct, failure, KEY, observed, PROXY } from './proxy.mjs';

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
