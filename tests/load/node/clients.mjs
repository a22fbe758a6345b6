// So many clients in one Node process, each of which asks, waits for the answer and asks again: by Neon's driver over HTTP, or by
// node-postgres with a pool of ten. Prints what it saw as JSON.
import { neon, neonConfig } from "@neondatabase/serverless";
import pg from "pg";

const { WAY, ADDRESS, KEY, DATABASE_URL, QUERY, ROWS, KEPT, CLIENTS, SECONDS } = process.env;

function neonDriver() {
  neonConfig.fetchEndpoint = `http://${ADDRESS}/sql`;
  const sql = neon(`postgresql://bench:${KEY}@proxy/default${KEPT ? "?cache_max_age=600" : ""}`);
  return (id) => sql.query(QUERY, [id]);
}

function nodePostgres() {
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
  return async (id) => (await pool.query({ name: "select", text: QUERY, values: [id] })).rows;
}

const ask = WAY === "neon" ? neonDriver() : nodePostgres();
const failed = {};
const times = [];

async function client(end) {
  while (performance.now() < end) {
    const id = 1 + Math.floor(Math.random() * Number(KEPT || ROWS));
    const begin = performance.now();
    try {
      const [row] = await ask(id);
      if (row?.id !== id) throw new Error("another row");
      times.push(performance.now() - begin);
    } catch (error) {
      failed[error.message] = (failed[error.message] ?? 0) + 1;
    }
  }
}

const all = (end) => Promise.all(Array.from({ length: Number(CLIENTS) }, () => client(end)));
await all(performance.now() + 1000);
// The server's CPU is taken from start to end, so these count as answers, but not for the rate.
const before = times.length;
times.length = 0;
const begin = performance.now();
await all(begin + Number(SECONDS) * 1000);
const seconds = (performance.now() - begin) / 1000;
times.sort((one, other) => one - other);
const percentile = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
console.log(JSON.stringify({ answered: before + times.length, per_second: times.length / seconds, p50_ms: percentile(0.5), p99_ms: percentile(0.99), slowest_ms: times.at(-1) ?? 0, failed }));
process.exit(0);
