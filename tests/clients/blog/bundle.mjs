// Makes one of the Workers ready to run: `node bundle.mjs drizzle|prisma FOLDER`.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundle } from '../bundle.mjs';

const [name, folder] = process.argv.slice(2);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

await bundle(here(`${name}.js`), folder, name === 'prisma' ? readFileSync(here('schema.prisma'), 'utf8') : undefined);
