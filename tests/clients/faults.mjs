// The load of npm's clients, unmodified, until standard input ends: each line of standard output says what one of them was
// told about which rows. Whoever runs it compares that with what is there in the end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { neon, neonConfig } from '@neondatabase/serverless';
import { withAccelerate } from '@prisma/extension-accelerate';
import { drizzle } from 'drizzle-orm/neon-http';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import { Kysely } from 'kysely';
import { NeonDialect } from 'kysely-neon';
import { client } from './prisma-client.mjs';

const { FAULTS_PROXY: proxy, FAULTS_KEY: key } = process.env;

/** How long an application waits for an answer, in milliseconds. */
const PATIENCE = 5000;

/** How long each client rests between two requests, in milliseconds. */
const REST = 20;

/** How many ids each client has to itself. */
const SHARE = 100_000_000;

neonConfig.fetchEndpoint = `${proxy}/sql`;
const url = `postgresql://app:${encodeURIComponent(key)}@db.example.com/default`;
const sql = neon(url);

const ledger = pgTable('ledger', { id: integer('id').primaryKey(), pair: integer('pair').notNull() });
const db = drizzle(neon(url));
const kysely = new Kysely({ dialect: new NeonDialect({ neon: neon(url) }) });

const folder = mkdtempSync(join(tmpdir(), 'pool-proxy-faults-'));
const { PrismaClient } = await client(fileURLToPath(new URL('faults.prisma', import.meta.url)), folder);
process.on("exit", () => rmSync(folder, { recursive: true }));
const prisma = new PrismaClient({
  accelerateUrl: `${proxy.replace('http:', 'prisma+postgres:')}/?api_key=${encodeURIComponent(key)}`,
}).$extends(withAccelerate());

/** What each client does again and again; those that write are given two ids, and use one or both. */
const work = {
  'neon read': () => sql`select n from counters where id = 7`,
  'neon write': ([id]) => sql`insert into ledger values (${id}, ${id})`,
  'neon batch': ([id, other]) =>
    sql.transaction([
      sql`insert into ledger values (${id}, ${id})`,
      sql`insert into ledger values (${other}, ${id})`,
    ]),
  'drizzle write': ([id]) => db.insert(ledger).values({ id, pair: id }),
  'kysely read': () => kysely.selectFrom('counters').select('n').where('id', '=', 7).execute(),
  'prisma read': () => prisma.ledger.count({ where: { id: 1 }, cacheStrategy: { ttl: 1 } }),
  'prisma write': ([id]) => prisma.ledger.create({ data: { id, pair: id } }),
  'prisma transaction': ([id, other]) =>
    prisma.$transaction(async (tx) => {
      await tx.ledger.create({ data: { id, pair: id } });
      await tx.ledger.create({ data: { id: other, pair: id } });
    }),
};

/** What becomes of the ids of those that write. */
const WRITES = { 'neon write': 1, 'neon batch': 2, 'drizzle write': 1, 'prisma write': 1, 'prisma transaction': 2 };

/** An error in a word: the status of the answer, or Postgres's or Prisma's code, or that there was none. */
function word(error) {
  if (error === late) {
    return 'no answer';
  }
  const causes = [error, error?.cause, error?.sourceError].filter(Boolean);
  for (const { message, code } of causes) {
    const status = /HTTP status (\d+)/.exec(message)?.[1];
    if (status) {
      return status;
    }
    if (/^([0-9A-Z]{5}|P\d{4})$/.test(code)) {
      return code;
    }
  }
  return 'connection ended';
}

const late = new Error('no answer came in time');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let over = false;

async function run(name, number) {
  for (let id = (number + 1) * SHARE; !over; id += 2) {
    const ids = [id, id + 1].slice(0, WRITES[name] ?? 0);
    let said = 'ok';
    try {
      await Promise.race([work[name]([id, id + 1]), sleep(PATIENCE).then(() => Promise.reject(late))]);
    } catch (error) {
      said = word(error);
    }
    process.stdout.write(`${JSON.stringify({ client: name, ids, said })}\n`);
    await sleep(REST);
  }
}

process.stdin.resume().on('end', () => {
  over = true;
});

const { FAULTS_WITHOUT: without } = process.env;
await Promise.all(Object.keys(work).map((name, number) => name === without || run(name, number)));
process.exit(0);
