// Prisma's client, version 6.19, with its Accelerate extension, in one Node process: the same application for every server.
// `node accelerate.mjs make FOLDER` writes it, once for servers that run queries and once for those that run query plans, which
// differ by a line of the schema. `node accelerate.mjs ask` has so many clients ask, wait for the answer and ask again, and prints
// what they saw as JSON; what it is told, it is told by variables.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const { FOLDER, ENGINE, ADDRESS, KEY, ROWS, TTL, CLIENTS, WARM_UP, SECONDS } = process.env;
const project = fileURLToPath(new URL("../../clients/prisma/v6.19", import.meta.url));

const schema = (line) => `
generator client {
  provider = "prisma-client"
  output   = "./client"
  ${line}
}

datasource db {
  provider = "postgresql"
  url      = env("ACCELERATE_URL")
}

model User {
  id      Int     @id
  name    String
  email   String
  credits BigInt
  active  Boolean

  @@map("bench_users")
}
`;

async function make(folder) {
  const { bundled, generateFrom } = await import("../../clients/prisma-client.mjs");
  for (const [engine, line] of [["queries", ""], ["plans", 'engineType = "client"']]) {
    const own = join(folder, engine);
    mkdirSync(own, { recursive: true });
    await generateFrom(schema(line), own, project);
    await bundled(own);
  }
}

async function ask() {
  const { PrismaClient } = await import(pathToFileURL(join(FOLDER, ENGINE, "client/client.mjs")).href);
  const { withAccelerate } = createRequire(join(project, "package.json"))("@prisma/extension-accelerate");
  const [, port] = ADDRESS.split(":");
  // Of this host alone the client knows that it speaks without TLS.
  const datasourceUrl = `prisma+postgres://localhost:${port}/?api_key=${KEY}`;
  const prisma = new PrismaClient({ datasourceUrl, errorFormat: "minimal" }).$extends(withAccelerate());
  const failed = {};
  let times = [];
  const client = async (end) => {
    while (performance.now() < end) {
      const id = 1 + Math.floor(Math.random() * Number(ROWS));
      const begin = performance.now();
      try {
        const row = await prisma.user.findUnique({ where: { id }, ...(TTL && { cacheStrategy: { ttl: Number(TTL) } }) });
        // Other parts of the report have written to the credits.
        if (row?.email !== `user${id}@example.com` || typeof row.credits !== "bigint") throw new Error("another row");
        times.push(performance.now() - begin);
      } catch (error) {
        failed[error.message] = (failed[error.message] ?? 0) + 1;
      }
    }
  };
  const all = (end) => Promise.all(Array.from({ length: Number(CLIENTS) }, () => client(end)));
  await all(performance.now() + Number(WARM_UP) * 1000);
  if (TTL) await expectHit(prisma);
  // The server's CPU is taken from start to end, so these count as answers, but not for the rate.
  const before = times.length;
  times = [];
  const begin = performance.now();
  await all(begin + Number(SECONDS) * 1000);
  const seconds = (performance.now() - begin) / 1000;
  times.sort((one, other) => one - other);
  const percentile = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  console.log(
    JSON.stringify({
      answered: before + times.length,
      per_second: times.length / seconds,
      p50_ms: percentile(0.5),
      p99_ms: percentile(0.99),
      slowest_ms: times.at(-1) ?? 0,
      failed,
    }),
  );
}

/** What is asked for again must come from the cache, or it is not what it is called. */
async function expectHit(prisma) {
  const again = () =>
    prisma.user.findUnique({ where: { id: 1 }, cacheStrategy: { ttl: Number(TTL) } }).withAccelerateInfo();
  await again();
  const { info } = await again();
  if (info?.cacheStatus !== "ttl") throw new Error(`the cache says ${info?.cacheStatus}`);
}

const [act, folder] = process.argv.slice(2);
await (act === "make" ? make(folder) : ask());
process.exit(0);
