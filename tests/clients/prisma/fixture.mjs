// What the tests of Prisma's clients share: the client over the proxy, and a way past it to the same database.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, beforeEach } from 'node:test';
import pg from 'pg';
import { connect, load } from './versions.mjs';

const SEED = readFileSync(new URL('seed.sql', import.meta.url), 'utf8');

/** What an application has as its `accelerateUrl`: the proxy and its full-access key. */
export const URL_OF_PROXY = process.env.ACCELERATE_URL;

/** node-postgres, past the proxy: what it says is right. */
export const direct = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 2 });

export const made = await load('7.10');

/** The client without extensions. */
export const prisma = connect(made, URL_OF_PROXY);

after(() => Promise.all([prisma.$disconnect(), direct.end()]));

beforeEach(async () => {
  await direct.query(SEED);
  // What is written past a proxy that keeps answers is seen a moment later; what lies before a write through it, at once.
  if (process.env.SEEDED_BEHIND) await prisma.$executeRawUnsafe("DO 'BEGIN END'");
});

/** The error of Prisma's that a promise ends with, of this code. */
export async function known(promise, code) {
  const error = await failure(promise);
  assert.ok(error instanceof made.Prisma.PrismaClientKnownRequestError, `${error?.stack}`);
  assert.equal(error.code, code, error.message);
  return error;
}

/** The error that a promise ends with. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

/** The only value of a statement, past the proxy. */
export async function value(sql, params = []) {
  const { rows } = await direct.query({ text: sql, values: params, rowMode: 'array' });
  return rows[0]?.[0];
}
