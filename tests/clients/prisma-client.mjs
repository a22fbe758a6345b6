// Prisma's client made from a schema by its own generator, without its CLI: that is much to install, and its
// `generate` asks the network for an engine that it does not need.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder whose packages a client is made with, unless another is named. */
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The compiler that a client carries, of which there are a fast and a small one since 7.4. */
const COMPILER = /^query_compiler(_fast|_small)?_bg\.postgresql\.mjs$/;

/** The generators by the names that they have in a schema. */
const GENERATORS = {
  'prisma-client': ['@prisma/client-generator-ts', 'PrismaClientTsGenerator'],
  'prisma-client-js': ['@prisma/client-generator-js', 'PrismaClientJsGenerator'],
};

/** The bundler: the one that the edge API is built with. */
export const esbuild = createRequire(new URL('../../edge-api/package.json', import.meta.url))('esbuild');

/** Writes the client of the schema in `file` into `folder`/client, as TypeScript; its packages are found from there. */
export async function generate(file, folder) {
  await generateFrom(readFileSync(file, 'utf8'), folder);
}

/**
 * The same of a schema's text; the client and its generator are those that the folder `project` has installed. Hands back
 * what the generator knows of the models.
 */
export async function generateFrom(datamodel, folder, project = HERE) {
  const require = createRequire(join(project, 'package.json'));
  const client = join(folder, 'client');
  const runtime = join(dirname(require.resolve('@prisma/client/package.json')), 'runtime');
  const path = join(folder, 'schema.prisma');
  writeFileSync(path, datamodel);
  const { getConfig } = require('@prisma/internals');
  const schema = [[path, datamodel]];
  const { generators, datasources } = await getConfig({ datamodel: schema, ignoreEnvVarErrors: true });
  const [wanted] = generators;
  symlinkSync(join(HERE, 'node_modules'), join(folder, 'node_modules'));
  const { made, getDMMF } = generator(require, wanted.provider.value, runtime, join(folder, 'generator'));
  const output = { fromEnvVar: null, value: client };
  const dmmf = await getDMMF({ datamodel: schema, previewFeatures: wanted.previewFeatures });
  await made.generate({
    generator: { ...wanted, output, isCustomOutput: true },
    otherGenerators: [],
    schemaPath: path,
    datamodel,
    datasources,
    dmmf,
    binaryPaths: {},
    version: require('@prisma/engines-version').enginesVersion,
  });
  // A project's own packages come before those that it shares with the others.
  symlinkSync(join(project, 'node_modules'), join(client, 'node_modules'));
  return dmmf;
}

/** The client of a schema for Node, whose packages are those of the tests. */
export async function client(file, folder) {
  await generate(file, folder);
  return bundled(folder);
}

/** The client in `folder`, for Node. */
export async function bundled(folder) {
  const outfile = join(folder, 'client/client.mjs');
  const entryPoints = [join(folder, 'client/client.ts')];
  await esbuild.build({ entryPoints, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm' });
  return import(pathToFileURL(outfile).href);
}

/**
 * The generator with the compilers beside it, where it looks for what it copies into a client. Prisma's CLI has all this
 * in one folder; its packages have the compilers elsewhere and in base64.
 */
function generator(require, provider, runtime, folder) {
  const [name, type] = GENERATORS[provider];
  mkdirSync(folder);
  symlinkSync(join(runtime, '../../..'), join(folder, 'node_modules'));
  copyFileSync(require.resolve(name), join(folder, 'index.cjs'));
  for (const file of readdirSync(runtime).filter((name) => COMPILER.test(name))) {
    copyFileSync(join(runtime, file), join(folder, file));
    const { wasm } = require(join(runtime, file.replace('.mjs', '.wasm-base64.js')));
    writeFileSync(join(folder, file.replace('.mjs', '.wasm')), Buffer.from(wasm, 'base64'));
  }
  const { [type]: Generator, getDMMF } = require(join(folder, 'index.cjs'));
  return { made: new Generator({ runtimePath: runtime }), getDMMF };
}
