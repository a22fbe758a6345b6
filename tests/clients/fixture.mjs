// What the tests of `neon()` share: the driver, unmodified, and authors with books, new for every test.

import { before, beforeEach } from 'node:test';
import { neon } from '@neondatabase/serverless';
import { connectionString, direct } from './proxy.mjs';

export const sql = neon(connectionString());

before(async () => {
  await direct.query(`
    DROP TABLE IF EXISTS neon_book, neon_author CASCADE;
    CREATE TABLE neon_author (id int PRIMARY KEY, name text NOT NULL, CONSTRAINT named CHECK (name <> ''));
    CREATE TABLE neon_book (
      id int PRIMARY KEY,
      author int CONSTRAINT written_by REFERENCES neon_author,
      title varchar(40) CONSTRAINT one_title UNIQUE
    );`);
});

beforeEach(async () => {
  await direct.query(`
    TRUNCATE neon_author, neon_book;
    INSERT INTO neon_author VALUES (1, 'Ada'), (2, 'Brontë');
    INSERT INTO neon_book VALUES (10, 1, 'Notes'), (20, 2, 'Villette'), (21, 2, 'Shirley');`);
});

/** The same values without their classes, which each driver has of its own; dates and bytes stay. */
export function plain(value) {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== 'object' || value instanceof Date || Buffer.isBuffer(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
