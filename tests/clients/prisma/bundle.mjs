// Makes the Worker ready to run: `node bundle.mjs FOLDER`.

import { fileURLToPath } from 'node:url';
import { bundle } from '../bundle.mjs';
import { schema } from './versions.mjs';

const [folder] = process.argv.slice(2);
const generator = { provider: 'prisma-client', output: './client', runtime: 'workerd' };

await bundle(fileURLToPath(new URL('worker.js', import.meta.url)), folder, schema(generator));
