// Makes a Worker ready to run, as wrangler does it.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { esbuild, generateFrom } from './prisma-client.mjs';

/**
 * Bundles the module in `entry` into `folder`/index.js. What it imports as `prisma-client` is the client of this schema,
 * if there is one.
 */
export async function bundle(entry, folder, schema) {
  /** WebAssembly goes beside the bundle, as a module of its own. */
  const wasm = {
    name: 'wasm',
    setup(build) {
      build.onResolve({ filter: /\.wasm(\?module)?$/ }, ({ path, resolveDir }) => {
        const file = path.replace('?module', '');
        copyFileSync(join(resolveDir, file), join(folder, basename(file)));
        return { path: `./${basename(file)}`, external: true };
      });
    },
  };
  const temporary = mkdtempSync(join(tmpdir(), 'pool-proxy-worker-'));
  try {
    if (schema) {
      await generateFrom(schema, temporary);
    }
    await esbuild.build({
      entryPoints: [entry],
      outfile: join(folder, 'index.js'),
      bundle: true,
      format: 'esm',
      target: 'es2022',
      conditions: ['workerd', 'worker', 'browser'],
      external: ['node:*', 'cloudflare:*'],
      alias: { 'prisma-client': join(temporary, 'client/client.ts') },
      plugins: [wasm],
    });
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
