// One of the two that are compared: clients of a server, and a way past it to its database.

import { readFileSync } from 'node:fs';
import pg from 'pg';
import { connect } from '../versions.mjs';
import { outcome, tagged } from './outcome.mjs';

const SEED = readFileSync(new URL('../seed.sql', import.meta.url), 'utf8');

/** Dates that JavaScript has not, with which the reference answers nothing at all. */
const WITHIN_BOUNDS = `UPDATE scalars_tbl SET ts = NULL, dt = NULL, date = NULL, tstz = NULL, dates = '{}' WHERE id = 5`;

const COLUMNS = `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`;

/** What the function of a transaction throws to end it. */
class Enough extends Error {}

export class Side {
  constructor(kinds, url, databaseUrl, caches) {
    this.clients = Object.fromEntries(Object.entries(kinds).map(([kind, made]) => [kind, connect(made, url)]));
    const accelerated = Object.entries(kinds).map(([kind, made]) => [kind, this.clients[kind].$extends(made.withAccelerate())]);
    this.accelerated = caches ? Object.fromEntries(accelerated) : undefined;
    this.database = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  }

  async end() {
    // One that random operations have brought to panic (its compiler is WebAssembly) cannot say goodbye.
    await Promise.allSettled(Object.values(this.clients).map((client) => client.$disconnect()));
    await this.database.end();
  }

  /** Puts every table into the state that the seed describes. */
  async reset() {
    await this.database.query(`${SEED};${WITHIN_BOUNDS}`);
  }

  /** Every row of every table. */
  async state() {
    const { rows } = await this.database.query(COLUMNS);
    const tables = rows.map(async ({ name }) => {
      const found = await this.database.query(`SELECT to_jsonb(t) AS row FROM "${name}" t`);
      return [name, found.rows.map(({ row }) => JSON.stringify(tagged(dated(row)))).sort()];
    });
    return Object.fromEntries(await Promise.all(tables));
  }

  /** Does what is described, and hands back what the application gets of each part. */
  async perform(kind, operation) {
    const client = this.clients[kind];
    const { batch, tick, steps, nested, cached, options, throws, catches } = operation;
    if (cached) {
      return { all: await this.#twice(kind, cached) };
    }
    if (tick) {
      return { all: await Promise.all(tick.map((one) => outcome(() => call(client, one)))) };
    }
    if (batch) {
      return outcome(() => client.$transaction(batch.map((one) => call(client, one)), options));
    }
    if (steps || nested) {
      const parts = [];
      const whole = await outcome(() =>
        client.$transaction(async (tx) => {
          await this.#inside(nested && tx.$transaction ? tx : undefined, tx, steps ?? nested, parts, catches);
          if (throws) {
            throw new Enough('enough');
          }
        }, options),
      );
      return { parts, whole };
    }
    return outcome(() => call(client, operation));
  }

  /** A read that is made twice; where there is a cache, the second time is answered by it. */
  async #twice(kind, { model, action, args }) {
    if (!this.accelerated) {
      const once = await outcome(() => call(this.clients[kind], { model, action, args }));
      return [once, once];
    }
    const client = this.accelerated[kind];
    await client.$accelerate.invalidateAll();
    const ask = () => client[model][action]({ ...args, cacheStrategy: { ttl: 60, swr: 60, tags: ['asked'] } });
    return [await outcome(ask), await outcome(ask)];
  }

  /** The steps of a transaction, the first of them in one of its own if there may be one. */
  async #inside(outer, tx, steps, parts, catches) {
    for (const [at, step] of steps.entries()) {
      const work = outer && at === 0 ? () => outer.$transaction((inner) => call(inner, step)) : () => call(tx, step);
      const part = await outcome(work);
      parts.push(part);
      if (part.error && !catches) {
        throw new Enough('enough');
      }
    }
  }
}

/** Calls a model's operation; what Postgres returns in any order is sorted. */
function call(client, { model, action, args, raw }) {
  if (raw) {
    return client[raw](...args);
  }
  const promise = client[model][action](args);
  return action === 'updateManyAndReturn' ? sorted(promise) : promise;
}

/** The same promise of Prisma's, which a list for a transaction needs to be. */
function sorted(promise) {
  const then = promise.then.bind(promise);
  const order = (rows) => [...rows].sort((a, b) => (JSON.stringify(tagged(a)) < JSON.stringify(tagged(b)) ? -1 : 1));
  return Object.assign(promise, { then: (done, failed) => then((rows) => done(order(rows)), failed) });
}

/** A row whose dates are dates if a clock has made them. */
function dated(row) {
  const date = (value) => (/^20[2-9]\d-\d\d-\d\d/.test(value) ? new Date(/:/.test(value) && !/[Z+]/.test(value) ? `${value}Z` : value) : value);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'string' ? date(value) : value]));
}
