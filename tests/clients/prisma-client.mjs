// Prisma's client made from a schema by its own generator, without its CLI: that is much to install, and its
// `generate` asks the network for an engine that it does not need.

import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

const PACKAGES = fileURLToPath(new URL('node_modules', import.meta.url));

/** The compiler that a client for Workers carries. */
const COMPILER = 'query_compiler_fast_bg.postgresql';

/** The bundler: the one that the edge API is built with. */
export const esbuild = createRequire(new URL('../../edge-api/package.json', import.meta.url))('esbuild');

/** Writes the client of the schema in `file` into `folder`/client, as TypeScript; its packages are found from there. */
export async function generate(file, folder) {
  symlinkSync(PACKAGES, join(folder, 'node_modules'));
  const { PrismaClientTsGenerator, getDMMF } = generator(join(folder, 'generator'));
  const { getConfig } = require('@prisma/internals');
  const path = join(folder, 'schema.prisma');
  copyFileSync(file, path);
  const datamodel = readFileSync(path, 'utf8');
  const schema = [[path, datamodel]];
  const { generators, datasources } = await getConfig({ datamodel: schema });
  const output = { fromEnvVar: null, value: join(folder, 'client') };
  await new PrismaClientTsGenerator().generate({
    generator: { ...generators[0], output },
    otherGenerators: [],
    schemaPath: path,
    datamodel,
    datasources,
    dmmf: await getDMMF({ datamodel: schema }),
    binaryPaths: {},
    version: require('@prisma/engines-version').enginesVersion,
  });
}

/** The client of a schema for Node, whose packages are those of the tests. */
export async function client(file, folder) {
  await generate(file, folder);
  const outfile = join(folder, 'client.mjs');
  const entryPoints = [join(folder, 'client/client.ts')];
  await esbuild.build({ entryPoints, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm' });
  return import(pathToFileURL(outfile).href);
}

/**
 * The generator with the compiler beside it, where it looks for what it copies into a client for Workers. Prisma's CLI
 * has all this in one folder; its packages have the compiler elsewhere and in base64.
 */
function generator(folder) {
  mkdirSync(folder);
  const runtime = join(PACKAGES, '@prisma/client/runtime');
  copyFileSync(require.resolve('@prisma/client-generator-ts'), join(folder, 'index.cjs'));
  copyFileSync(join(runtime, `${COMPILER}.mjs`), join(folder, `${COMPILER}.mjs`));
  const { wasm } = require(join(runtime, `${COMPILER}.wasm-base64.js`));
  writeFileSync(join(folder, `${COMPILER}.wasm`), Buffer.from(wasm, 'base64'));
  return require(join(folder, 'index.cjs'));
}
