// Yardstick: the service many teams write first, hono + node-postgres, answering the proxy's POST /sql for plain selects.
// One process, a pool of ten. Left out: credentials, limits, cancel, batches, types that node-postgres parses differently.
import { writeFileSync } from "node:fs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
// Prepared statements need a name in node-postgres; one per text, as the other two servers keep them.
const names = new Map();
const nameOf = (text) => names.get(text) ?? (names.set(text, `s${names.size}`), names.get(text));

const app = new Hono();
app.post("/sql", async (c) => {
  const { query, params } = await c.req.json();
  try {
    const { command, rowCount, rowAsArray, rows, fields } = await pool.query({ name: nameOf(query), text: query, values: params });
    return c.json({ command, rowCount, rowAsArray, rows, fields });
  } catch (error) {
    return c.json({ message: error.message, code: error.code }, 400);
  }
});

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ address, port }) => {
  writeFileSync(process.env.READY_FILE, JSON.stringify({ listen: `${address}:${port}` }));
});
