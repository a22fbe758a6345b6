// Prisma's schema engine as its CLI runs it for `db pull` and `migrate diff`, from its npm packages alone, against the
// database of DATABASE_URL.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after } from 'node:test';
import pg from 'pg';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';

const require = createRequire(import.meta.url);
const parser = require('@prisma/prisma-schema-wasm/src/prisma_schema_build.js');

/** Where a schema is said to lie. */
const PATH = 'schema.prisma';

/** The OIDs of Postgres's one-byte "char", of which its catalogue is full, and of text. */
const CHAR = 18;
const TEXT = 25;

/** The last words of an engine that panics. */
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  set_message: (message) => {
    throw new Error(`Prisma's schema engine: ${message}`);
  },
};

// Node 20 does not import WebAssembly by itself.
const wasm = readFileSync(require.resolve('@prisma/schema-engine-wasm').replace(/\.js$/, '_bg.wasm'));
const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': glue });
glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });

// Every engine listens.
pool.setMaxListeners(0);

after(() => pool.end());

/**
 * Prisma's adapter for pg, which refuses the type "char" that Prisma's own engine asks the catalogue for: here such a
 * column passes as text, and gets its type back afterwards.
 */
function adapter() {
  const chars = new Map();
  const lenient = new Proxy(pool, {
    get(target, name) {
      if (name !== 'query') {
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (query, ...rest) => {
        const result = await target.query(query, ...rest);
        chars.set(query.text, result.fields.map((field) => field.dataTypeID === CHAR));
        for (const field of result.fields) {
          field.dataTypeID = field.dataTypeID === CHAR ? TEXT : field.dataTypeID;
        }
        return result;
      };
    },
  });
  const factory = new PrismaPg(lenient);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const connection = await connect();
    const queryRaw = connection.queryRaw.bind(connection);
    connection.queryRaw = async (query) => {
      const result = await queryRaw(query);
      const isChar = chars.get(query.sql);
      const columnTypes = result.columnTypes.map((type, at) => (isChar[at] ? ColumnTypeEnum.Character : type));
      return { ...result, columnTypes };
    };
    return connection;
  };
  return bindMigrationAwareSqlAdapterFactory(factory);
}

async function engine(schema) {
  return glue.SchemaEngine.new({ datamodels: [[PATH, schema]] }, () => {}, adapter());
}

/** What `prisma db pull` would make of a schema. */
export async function pull(schema) {
  const files = [{ path: PATH, content: schema }];
  const params = { schema: { files }, baseDirectoryPath: '.', force: false, compositeTypeDepth: -1, namespaces: null };
  const pulled = await (await engine(schema)).introspect(params);
  return pulled.schema.files[0].content;
}

/** The SQL that `prisma migrate diff` finds missing between the database and a schema, or null if they are equal. */
export async function diff(schema) {
  const files = [{ path: PATH, content: schema }];
  const from = { tag: 'schemaDatasource', files, configDir: '.' };
  const to = { tag: 'schemaDatamodel', files };
  const filters = { externalTables: [], externalEnums: [] };
  const found = await (await engine(schema)).diff({ from, to, script: true, exitCode: true, filters });
  return found.exitCode === 0 ? null : found.stdout;
}

/** What `prisma validate` says of a schema; throws if it is wrong. */
export function validate(schema) {
  parser.validate(JSON.stringify({ prismaSchema: [[PATH, schema]] }));
}

/** What `prisma format` makes of a schema. */
export function format(schema) {
  const options = { textDocument: { uri: `file:/${PATH}` }, options: { tabSize: 2, insertSpaces: true } };
  const [[, formatted]] = JSON.parse(parser.format(JSON.stringify([[PATH, schema]]), JSON.stringify(options)));
  return formatted;
}
