// Makes one of the Workers ready to run: `node bundle.mjs drizzle|prisma FOLDER`, as wrangler does it.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { esbuild, generate } from '../prisma-client.mjs';

const [name, folder] = process.argv.slice(2);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

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

const temporary = mkdtempSync(join(tmpdir(), 'pool-proxy-blog-'));
try {
  if (name === 'prisma') {
    await generate(here('schema.prisma'), temporary);
  }
  await esbuild.build({
    entryPoints: [here(`${name}.js`)],
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
