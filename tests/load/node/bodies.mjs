// The requests of the part `plans`, as Prisma's client itself writes them: it asks a server that answers nothing and writes
// down what it was asked. `node bodies.mjs FOLDER COUNT USERS POSTS` writes a file for each kind, of COUNT lines; a hit needs one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { client } from "../../clients/prisma-client.mjs";

const [folder, count, users, posts] = process.argv.slice(2).map((word, at) => (at ? Number(word) : word));

// Each with ids of its own, all over the tables.
const user = (n) => 1 + ((n * 7919) % users);
const post = (n) => 1 + ((n * 104_729) % posts);
/** So many rows come back. */
const ROWS = 100;
const withAuthors = (prisma, n, take) =>
  prisma.post.findMany({
    where: { published: true, id: { gt: post(n) % (posts - ROWS) } },
    orderBy: { id: "asc" },
    take,
    include: { author: true },
  });

const KINDS = {
  "find-unique": (prisma, n) => prisma.user.findUnique({ where: { id: user(n) } }),
  "find-many": (prisma, n) => withAuthors(prisma, n, ROWS),
  hit: (prisma) => withAuthors(prisma, 1, ROWS),
  create: (prisma, n) =>
    prisma.post.create({
      data: {
        title: `Post of request ${n}`,
        content: `Sentence of request ${n}. `.repeat(20),
        author: { connect: { id: user(n) } },
        comments: { create: [0, 1].map((by) => ({ text: `Comment ${by} of request ${n}`, authorId: user(n + by) })) },
      },
      include: { comments: true },
    }),
  transaction: (prisma, n) =>
    prisma.$transaction(async (tx) => {
      await tx.user.findUnique({ where: { id: user(n) } });
      await tx.post.update({ where: { id: post(n) }, data: { views: { increment: 1 } } });
      await tx.comment.create({ data: { text: `Comment of request ${n}`, authorId: user(n), postId: post(n) } });
    }),
};

let asked = [];
const answers = { "/connection-info": { provider: "postgres", connectionInfo: { supportsRelationJoins: true } } };
const recorder = createServer(async (request, response) => {
  const body = await text(request);
  if (request.url.endsWith("/query")) asked.push(body);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answers[request.url] ?? { data: null, id: "one" }));
});
await new Promise((listening) => recorder.listen(0, "127.0.0.1", listening));

const own = mkdtempSync(join(tmpdir(), "pool-proxy-plans-"));
try {
  const { PrismaClient } = await client(fileURLToPath(new URL("plans.prisma", import.meta.url)), own);
  const accelerateUrl = `prisma+postgres://127.0.0.1:${recorder.address().port}/?api_key=none`;
  const prisma = new PrismaClient({ accelerateUrl, errorFormat: "minimal" });
  for (const [kind, run] of Object.entries(KINDS)) {
    const lines = [];
    for (let n = 0; n < (kind === "hit" ? 1 : count); n++) {
      asked = [];
      await run(prisma, n);
      // A transaction is a list of its queries.
      lines.push(kind === "transaction" ? `[${asked.join()}]` : asked.join());
    }
    writeFileSync(join(folder, kind), `${lines.join("\n")}\n`);
  }
  await prisma.$disconnect();
} finally {
  rmSync(own, { recursive: true });
  recorder.close();
  recorder.closeAllConnections();
}
