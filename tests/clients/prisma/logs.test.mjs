// What Prisma's client tells about the queries that ran.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { made, URL_OF_PROXY } from './fixture.mjs';
import { connect } from './versions.mjs';

describe('events', () => {
  test('one for every statement, with its parameters and its time', async () => {
    const client = connect(made, URL_OF_PROXY, { log: [{ emit: 'event', level: 'query' }] });
    const events = [];
    client.$on('query', (event) => events.push(event));
    await client.user.findMany({ where: { age: { gt: 20 }, name: 'Alice' } });
    assert.equal(events.length, 1);
    const [{ query, params, duration, timestamp, target }] = events;
    assert.match(query, /^SELECT .* FROM "public"\."User"/);
    assert.deepEqual(JSON.parse(params).slice(0, 2), [20, 'Alice']);
    assert.ok(Number.isFinite(duration) && duration >= 0, String(duration));
    assert.ok(Math.abs(timestamp.getTime() - Date.now()) < 60_000);
    assert.equal(typeof target, 'string');
    events.length = 0;
    await client.$transaction([client.user.count(), client.post.count()]);
    const statements = events.map((event) => event.query.split(' ')[0]);
    assert.deepEqual(statements.filter((it) => it === 'SELECT'), ['SELECT', 'SELECT']);
    assert.equal(statements.at(-1), 'COMMIT');
    await client.$disconnect();
  });

  test('a failure is told as one', async () => {
    const client = connect(made, URL_OF_PROXY, { log: [{ emit: 'event', level: 'error' }] });
    const events = [];
    client.$on('error', (event) => events.push(event));
    await assert.rejects(client.$queryRaw`SELECT 1/0`, { code: 'P2010' });
    assert.ok(events.length > 0);
    await client.$disconnect();
  });
});
