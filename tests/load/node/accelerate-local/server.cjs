// prisma-accelerate-local as its own README starts it, over plain HTTP, with the two things it needs to work with the Prisma that it
// installs: that has its engine in base64 alone, and its client calls the schema that it sends JSON, which it is not.
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const runtime = join(__dirname, "node_modules/@prisma/client/runtime");
const engine = join(runtime, "query_engine_bg.postgresql.wasm");
if (!existsSync(engine)) {
  writeFileSync(engine, Buffer.from(require(`${engine}-base64.js`).wasm, "base64"));
}
// It looks for the engine from where it is started.
process.chdir(__dirname);

const { createServer } = require("prisma-accelerate-local");
// The engine as WebAssembly, over node-postgres and its pool of ten: the native one is not on npm.
const server = createServer({ datasourceUrl: process.env.DATABASE_URL, https: null, wasm: true, fastifySeverOptions: {} });
server.removeContentTypeParser("application/json");
server.listen({ host: "127.0.0.1", port: 0 }).then((url) => console.log(url));
