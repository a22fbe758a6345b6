// edge-api/migrations/schema.prisma and the migrated database of DATABASE_URL say the same, by Prisma's own word.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { diff, format, pool, pull, validate } from './prisma.mjs';

const schema = readFileSync(new URL('../../edge-api/migrations/schema.prisma', import.meta.url), 'utf8');

/** The schema with one thing changed, which must be in it. */
function edited([before, after]) {
  assert.equal(schema.split(before).length, 2, `not once in the schema: ${before}`);
  return schema.replace(before, after);
}

describe('schema.prisma', () => {
  test('is valid, and as prisma format leaves it', () => {
    validate(schema);
    assert.equal(format(schema), schema);
  });

  test('an invalid schema is refused', () => {
    assert.throws(() => validate(edited(['Post[]', 'Pots[]'])), /P1012/);
    assert.throws(() => validate(edited(['references: [id]', 'references: [nothing]'])), /P1012/);
  });

  test('prisma db pull changes nothing', async () => {
    assert.equal(await pull(schema), schema);
  });

  test('prisma migrate diff finds nothing to do', async () => {
    assert.equal(await diff(schema), null);
  });

  test('a schema written anew by prisma db pull has the same tables', async () => {
    const head = schema.slice(0, schema.indexOf('/// '));
    const pulled = await pull(head);
    assert.match(pulled, /^model users \{$/m);
    assert.equal(await diff(pulled), null);
  });
});

describe('an edit of schema.prisma is noticed', () => {
  const edits = {
    'a dropped column': [/^ {2}content .*\n/m.exec(schema)[0], ''],
    'a new column': ['  content     String\n', '  content     String\n  subtitle    String?\n'],
    'another type': ['  title       String\n', '  title       Int\n'],
    'another native type': ['@map("author_id") @db.Uuid', '@map("author_id")'],
    'another precision': ['@map("updated_at") @db.Timestamptz(6)', '@map("updated_at") @db.Timestamptz(3)'],
    'a column that must be there': ['publishedAt DateTime?', 'publishedAt DateTime '],
    'a column that may be missing': ['passwordHash String ', 'passwordHash String?'],
    'another default': ['@default(false)', '@default(true)'],
    'no default': [' @default(false)', ''],
    'no unique': ['email        String   @unique', 'email        String'],
    'another action on delete': ['onDelete: Cascade', 'onDelete: Restrict'],
    'another action on update': ['onUpdate: NoAction', 'onUpdate: Cascade'],
    'no index': [/^ {2}@@index.*newest_by_author.*\n/m.exec(schema)[0], ''],
    'an index of another name': ['posts_newest_by_author', 'posts_by_author'],
    'an index in another order': ['createdAt(sort: Desc)', 'createdAt'],
    'an index of all rows': [', where: raw("published")', ''],
    'an index of other rows': ['raw("published")', 'raw("NOT published")'],
    'another table': ['@@map("posts")', '@@map("post")'],
    'another column': ['@map("password_hash")', '@map("password")'],
  };
  for (const [what, edit] of Object.entries(edits)) {
    test(what, async () => {
      const changed = edited(edit);
      validate(changed);
      assert.notEqual(await pull(changed), changed);
      assert.notEqual(await diff(changed), null);
    });
  }
});

describe('a change of the database is noticed', () => {
  const index = 'CREATE INDEX posts_newest_published ON posts (published_at DESC, id DESC)';
  const key = 'ALTER TABLE posts ADD CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES users';
  const changes = {
    'a new table': ['CREATE TABLE comments (id int PRIMARY KEY)', 'DROP TABLE comments'],
    'a new column': ['ALTER TABLE posts ADD note text', 'ALTER TABLE posts DROP note'],
    'another type': ['ALTER TABLE users ALTER name TYPE varchar(100)', 'ALTER TABLE users ALTER name TYPE text'],
    'a column that may be missing': ['ALTER TABLE posts ALTER title DROP NOT NULL', 'ALTER TABLE posts ALTER title SET NOT NULL'],
    'no default': ['ALTER TABLE posts ALTER id DROP DEFAULT', 'ALTER TABLE posts ALTER id SET DEFAULT gen_random_uuid()'],
    'no unique': ['ALTER TABLE users DROP CONSTRAINT users_email_key', 'ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email)'],
    'another action on delete': [
      `ALTER TABLE posts DROP CONSTRAINT posts_author_id_fkey; ${key}`,
      `ALTER TABLE posts DROP CONSTRAINT posts_author_id_fkey; ${key} ON DELETE CASCADE`,
    ],
    'an index of all rows': [`DROP INDEX posts_newest_published; ${index}`, `DROP INDEX posts_newest_published; ${index} WHERE published`],
  };
  for (const [what, [change, undo]] of Object.entries(changes)) {
    test(what, async () => {
      await pool.query(change);
      try {
        assert.notEqual(await pull(schema), schema);
        assert.notEqual(await diff(schema), null);
      } finally {
        await pool.query(undo);
      }
      assert.equal(await pull(schema), schema);
    });
  }
});
