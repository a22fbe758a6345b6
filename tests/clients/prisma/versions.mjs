// The clients of several versions for the same models, each with the extension of its time, as their authors ship them.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundled, generateFrom } from '../prisma-client.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What the hosted service's applications have had in their schema since Prisma 7. */
const SEVEN = {
  generator: { provider: 'prisma-client', output: './client', runtime: 'nodejs' },
  datasource: '',
};

/** The version that all tests but those of the others are about. */
export const NEWEST = '7.10';

/** Where each version is installed, and what its schema begins with. */
const VERSIONS = {
  '7.10': { project: '..', ...SEVEN },
  7.4: { project: 'v7.4', ...SEVEN },
  '7.0': { project: 'v7.0', ...SEVEN },
  // The one line that makes a client of these send plans: `engineType`.
  6.19: {
    project: 'v6.19',
    generator: { provider: 'prisma-client', output: './client', engineType: 'client' },
    datasource: 'url = env("ACCELERATE_URL")',
  },
  6.16: {
    project: 'v6.16',
    generator: { provider: 'prisma-client-js', output: './client', engineType: 'client' },
    datasource: 'url = env("ACCELERATE_URL")',
  },
};

/** The models that the clients are made for. */
const MODELS = readFileSync(here('schema.prisma'), 'utf8');

/**
 * The client of a version, such as `7.10`, with these preview features: `PrismaClient` and `Prisma` of the generated
 * client, `withAccelerate` of the extension, and `dmmf`, what the generator knows of the models.
 */
export async function load(version, previews = []) {
  const { project, generator, datasource } = VERSIONS[version];
  const folder = mkdtempSync(join(tmpdir(), 'pool-proxy-prisma-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const dmmf = await generateFrom(schema(generator, datasource, previews), folder, here(project));
  const require = createRequire(here(`${project}/package.json`));
  const made = generator.provider === 'prisma-client' ? await bundled(folder) : require(join(folder, 'client'));
  return { ...made, ...require('@prisma/extension-accelerate'), dmmf };
}

/** The client of a version, for an application that has this as its Accelerate URL. */
export function connect({ PrismaClient, Prisma }, url, options = {}) {
  const seven = Number.parseInt(Prisma.prismaVersion.client, 10) >= 7;
  // Before 7, an URL in the environment alone is not seen by the extension, which then takes no host for a local one.
  const address = seven ? { accelerateUrl: url } : { datasourceUrl: url };
  // A busy machine takes its time.
  const transactionOptions = { maxWait: 60_000, timeout: 60_000 };
  return new PrismaClient({ errorFormat: 'minimal', transactionOptions, ...address, ...options });
}

/** The models below a head with this generator, of which a client is made. */
export function schema(generator, datasource = '', previews = []) {
  const lines = Object.entries(generator).map(([name, value]) => `  ${name} = "${value}"`);
  lines.push(`  previewFeatures = ${JSON.stringify(['views', ...previews])}`);
  const head = `generator client {\n${lines.join('\n')}\n}\n\ndatasource db {\n  provider = "postgresql"\n  ${datasource}\n}\n\n`;
  return head + MODELS.slice(MODELS.indexOf('model '));
}
