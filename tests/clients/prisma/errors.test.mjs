// What Prisma's client tells an application that has asked for what cannot be.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { direct, failure, known, made, prisma, URL_OF_PROXY } from './fixture.mjs';
import { connect } from './versions.mjs';

/** What Postgres has said, as the client hands it on. */
const cause = (error) => error.meta.driverAdapterError.cause;

describe('what breaks a rule of the database', () => {
  test('a value that another row has: P2002, and where', async () => {
    const error = await known(prisma.user.create({ data: { email: 'alice@x.io' } }), 'P2002');
    assert.match(error.message, /Unique constraint failed on the constraint: `User_email_key`/);
    assert.equal(error.meta.modelName, 'User');
    assert.deepEqual(cause(error).constraint, { index: 'User_email_key' });
    assert.equal(cause(error).originalCode, '23505');
    const compound = await known(prisma.post.create({ data: { title: 'Hello', authorId: 1 } }), 'P2002');
    assert.deepEqual(cause(compound).constraint, { index: 'Post_authorId_title_key' });
  });

  test('a reference to nothing: P2003', async () => {
    const error = await known(prisma.post.create({ data: { title: 'x', authorId: 99 } }), 'P2003');
    assert.match(error.message, /Foreign key constraint violated on the constraint: `Post_authorId_fkey`/);
    await known(prisma.user.delete({ where: { id: 1 } }), 'P2003');
    await known(prisma.strictOwner.delete({ where: { id: 1 } }), 'P2003');
  });

  test('a value that is too long, too large, or none: P2000, P2020, P2011', async () => {
    const data = { id: 7, need: 'x', short: 'abc', small: 1 };
    await known(prisma.strict.create({ data: { ...data, short: 'abcd' } }), 'P2000');
    await known(prisma.strict.create({ data: { ...data, small: 40_000 } }), 'P2020');
    await known(prisma.$executeRaw`UPDATE "Strict" SET need = NULL`, 'P2010');
    await direct.query(`ALTER TABLE "Team" ADD COLUMN extra int NOT NULL DEFAULT 0`);
    await direct.query(`ALTER TABLE "Team" ALTER COLUMN extra DROP DEFAULT`);
    try {
      await known(prisma.team.create({ data: { org: 'x', slug: 'y', title: 'z' } }), 'P2011');
    } finally {
      await direct.query(`ALTER TABLE "Team" DROP COLUMN extra`);
    }
  });

  test('a value of another kind: P2007', async () => {
    const error = await known(prisma.scalars.create({ data: { uuid: 'no uuid' } }), 'P2007');
    assert.match(error.message, /invalid input syntax for type uuid/);
  });

  test('a table or a column that is not there: P2021, P2022', async () => {
    await direct.query('ALTER TABLE "Team" RENAME COLUMN title TO gone');
    try {
      await known(prisma.team.findMany(), 'P2022');
    } finally {
      await direct.query('ALTER TABLE "Team" RENAME COLUMN gone TO title');
    }
    await direct.query('ALTER TABLE "Team" RENAME TO "Gone"');
    try {
      const error = await known(prisma.team.findMany(), 'P2021');
      assert.match(error.message, /The table `public\.Team` does not exist in the current database\./);
    } finally {
      await direct.query('ALTER TABLE "Gone" RENAME TO "Team"');
    }
  });

  test('SQL that Postgres refuses: P2010', async () => {
    const error = await known(prisma.$queryRaw`SELECT 1/0`, 'P2010');
    assert.match(error.message, /Raw query failed\. Code: `22012`\. Message: `division by zero`/);
    await known(prisma.$executeRawUnsafe('nonsense'), 'P2010');
  });
});

describe('what needs a row that is not there', () => {
  test('P2025, which of them, and for what', async () => {
    const update = await known(prisma.user.update({ where: { id: 99 }, data: { name: 'x' } }), 'P2025');
    assert.match(update.message, /No record was found for an update\./);
    const found = await known(prisma.user.findUniqueOrThrow({ where: { id: 99 } }), 'P2025');
    assert.match(found.message, /No record was found for a query\./);
    await known(prisma.user.findFirstOrThrow({ where: { name: 'nobody' } }), 'P2025');
    await known(prisma.user.delete({ where: { id: 99 } }), 'P2025');
    const connect = await known(prisma.post.update({ where: { id: 1 }, data: { author: { connect: { id: 99 } } } }), 'P2025');
    assert.equal(connect.meta.model ?? connect.meta.modelName, 'User');
  });

  test('P2017 and P2014 for relations', async () => {
    await known(prisma.user.update({ where: { id: 1 }, data: { posts: { delete: { id: 4 } } } }), 'P2017');
    const error = await known(prisma.user.update({ where: { id: 1 }, data: { posts: { set: [] } } }), 'P2014');
    assert.match(error.message, /would violate the required relation 'PostToUser' between the `Post` and `User` models|between the `User` and `Post` models/);
    await known(prisma.post.create({ data: { title: 'x', authorId: 1, categories: { connect: [{ id: 1 }, { id: 99 }] } } }), 'P2025');
  });
});

describe('who may not ask', () => {
  test('a wrong key is told, and not shown', async () => {
    const stranger = connect(made, URL_OF_PROXY.replace(/api_key=.*/, 'api_key=nobody-knows-this-key'));
    const error = await known(stranger.user.findMany(), 'P6002');
    assert.ok(!error.message.includes('nobody-knows-this-key'));
    await known(stranger.$transaction((tx) => tx.user.count()), 'P6002');
    await stranger.$disconnect();
  });

  test('an address where nobody is', async () => {
    const lost = connect(made, 'prisma+postgres://127.0.0.1:9/?api_key=x');
    assert.match(String(await failure(lost.user.findMany())), /fetch failed/);
  });
});
