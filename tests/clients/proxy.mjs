// What the tests in this folder share: the proxy under test, and a way past it to the same database.

import { after } from 'node:test';
import { neonConfig } from '@neondatabase/serverless';
import pg from 'pg';

/** The proxy's public listener. */
export const PROXY = needed('POOL_PROXY_URL');

/** Its full-access API key. */
export const KEY = needed('POOL_PROXY_TEST_KEY');

/** All that an application changes: where the driver sends its requests. */
neonConfig.fetchEndpoint = `${PROXY}/sql`;

/** What an application has in its environment: the key is the password. */
export function connectionString(options = {}, { key = encodeURIComponent(KEY), database = 'default' } = {}) {
  const url = `postgresql://app:${key}@db.example.com/${database}`;
  const query = new URLSearchParams(options).toString();
  return query === '' ? url : `${url}?${query}`;
}

/** node-postgres, past the proxy: what it says is right. */
export const direct = new pg.Pool({ connectionString: needed('DATABASE_URL'), max: 2 });

after(() => direct.end());

/** Sends the driver's requests through `fetch` with `headers` added, while `work` runs; hands back the answers' headers. */
export async function observed(work, headers = {}) {
  const seen = [];
  neonConfig.fetchFunction = async (url, options) => {
    const answer = await fetch(url, { ...options, headers: { ...options.headers, ...headers } });
    seen.push(answer.headers);
    return answer;
  };
  try {
    await work();
  } finally {
    neonConfig.fetchFunction = undefined;
  }
  return seen;
}

/** The error that `promise` ends with. */
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected an error, not ${JSON.stringify(value)}`);
}

function needed(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: these tests are run by \`cargo xtask test\` (see tests/suites/clients.rs)`);
  }
  return value;
}
