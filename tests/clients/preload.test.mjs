// deploy/preload as an application has it: loaded before everything else, with Prisma's client and its extension unmodified.
// A guard stands where the network begins: no request ever goes to the hosted service.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { generate, esbuild } from './prisma-client.mjs';

const PRELOAD = new URL('../../deploy/preload/index.mjs', import.meta.url);
const KEY = 'the-key-of-the-proxy';
const HOSTED = 'https://accelerate.prisma-data.net';

const folder = mkdtempSync(join(tmpdir(), 'pool-proxy-preload-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A proxy, as far as it matters here: what it was asked. */
const asked = [];
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) {
    parts.push(part);
  }
  const { method, url, headers } = request;
  asked.push({ method, url, headers, body: Buffer.concat(parts).toString() });
  const info = { provider: 'postgres', connectionInfo: { supportsRelationJoins: true } };
  response.setHeader('content-type', 'application/json').end(JSON.stringify(url === '/connection-info' ? info : {}));
});
let origin;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${server.address().port}`;
  writeFileSync(join(folder, 'guard.mjs'), GUARD);
});
after(() => server.close());
beforeEach(() => asked.splice(0));

/** Loaded before the preload: what reaches it would have gone to the network, where the client's host is the proxy. */
const GUARD = `
  const real = globalThis.fetch;
  globalThis.fetch = function (resource, init) {
    const url = new URL(resource?.url ?? resource);
    if (url.hostname.endsWith('prisma-data.net')) {
      console.log('LEAK', url.href, String(new Headers(init?.headers ?? resource.headers).get('authorization')));
      return Promise.reject(new Error('it would have been sent'));
    }
    if (url.hostname === 'proxy.invalid') {
      return real.call(this, process.env.TEST_PROXY + url.pathname, init);
    }
    return real.call(this, resource, init);
  };`;

/** Runs a module with the preload, unless without; what it prints. */
async function run(code, variables, preloaded = true) {
  const file = join(folder, 'app.mjs');
  writeFileSync(file, code);
  const loads = [pathToFileURL(join(folder, 'guard.mjs')).href, ...(preloaded ? [PRELOAD.href] : [])];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...loads.flatMap((url) => ['--import', url]), file],
    { env: { PATH: process.env.PATH, TEST_PROXY: origin, ...variables }, timeout: 60_000 },
  );
  return stdout.trim();
}

const ask = (url, init = 'undefined') => `
  try {
    const answer = await fetch(${url}, ${init});
    console.log(answer.ok ? answer.status : await answer.text());
  } catch (error) {
    console.log(error.message);
  }`;

describe('the preload', () => {
  test('sends what is for the hosted service to the proxy', async () => {
    const init = `{ method: 'POST', headers: { authorization: 'Bearer ${KEY}', 'content-type': 'application/json' },
      body: '{"tags":["a"]}' }`;
    const url = `'${HOSTED}/invalidate?a=%20b'`;
    const ways = [
      ask(url, init),
      ask(`new URL(${url})`, init),
      ask(`new Request(${url}, ${init})`),
      ask(`new Request(${url}, { method: 'PUT' })`, init),
      ask(`'HTTPS://Accelerate.Prisma-Data.net:443/invalidate?a=%20b'`, init),
      ask(`'${HOSTED}./invalidate?a=%20b'`, init),
    ];
    for (const way of ways) {
      assert.equal(await run(way, { POOL_PROXY_URL: `${origin}/dropped` }), '200', way);
      const [{ method, url: path, headers, body }, ...others] = asked.splice(0);
      assert.deepEqual([method, path, body, others], ['POST', '/invalidate?a=%20b', '{"tags":["a"]}', []], way);
      assert.deepEqual([headers.authorization, headers['content-type']], [`Bearer ${KEY}`, 'application/json'], way);
      assert.equal(headers.host, new URL(origin).host);
    }
  });

  test('takes the proxy from the URL of Prisma’s client', async () => {
    const prismas = origin.replace('http:', 'prisma+postgres:') + `/?api_key=${KEY}`;
    const other = 'postgresql://app:secret@127.0.0.1:1/app';
    for (const variables of [
      { ACCELERATE_URL: prismas },
      { DATABASE_URL: prismas },
      { ACCELERATE_URL: prismas, DATABASE_URL: other },
      { ACCELERATE_URL: other, DATABASE_URL: prismas },
      { POOL_PROXY_URL: origin, ACCELERATE_URL: 'prisma://elsewhere.invalid/?api_key=x' },
      { POOL_PROXY_URL: prismas },
      { POOL_PROXY_URL: '', ACCELERATE_URL: prismas },
    ]) {
      assert.equal(await run(ask(`'${HOSTED}/invalidate'`), variables), '200', JSON.stringify(variables));
      assert.equal(asked.splice(0).length, 1);
    }
    // Set by what comes later.
    const late = `process.env.ACCELERATE_URL = '${prismas}';`;
    assert.equal(await run(late + ask(`'${HOSTED}/invalidate'`), {}), '200');
  });

  test('speaks HTTPS where Prisma’s clients do', async () => {
    const to = `
      globalThis.fetch = async (url) => ({ ok: true, status: String(url) });
      await import('${PRELOAD.href}');`;
    for (const [url, expected] of [
      ['prisma://localhost:8443/?api_key=x', 'https://localhost:8443/invalidate'],
      ['prisma+postgres://proxy.example.com/?api_key=x', 'https://proxy.example.com/invalidate'],
      ['prisma+postgres://[::1]:8080/?api_key=x', 'http://[::1]:8080/invalidate'],
      ['prisma+postgres://db.localhost:8080/?api_key=x', 'http://db.localhost:8080/invalidate'],
    ]) {
      assert.equal(await run(to + ask(`'${HOSTED}/invalidate'`), { ACCELERATE_URL: url }, false), expected);
    }
  });

  test('refuses where nothing says where the proxy is', async () => {
    for (const variables of [
      {},
      { POOL_PROXY_URL: '', DATABASE_URL: '' },
      { DATABASE_URL: 'postgresql://app:secret@127.0.0.1:1/app' },
      { ACCELERATE_URL: `prisma://accelerate.prisma-data.net/?api_key=${KEY}` },
      { ACCELERATE_URL: 'prisma://' },
    ]) {
      const said = await run(ask(`'${HOSTED}/invalidate'`), variables);
      const { code, error, message } = JSON.parse(said);
      assert.match(message, /^pool-proxy-preload: not sent, .*set POOL_PROXY_URL/, JSON.stringify(variables));
      assert.deepEqual([code, error], ['P6001', message]);
    }
    for (const url of ['proxy.example.com', 'ftp://proxy.example.com', HOSTED, `secret ${KEY}`]) {
      const said = await run(ask(`'${HOSTED}/invalidate'`), { POOL_PROXY_URL: url });
      assert.match(JSON.parse(said).message, /POOL_PROXY_URL is not the URL of a proxy/, url);
      assert.doesNotMatch(said, new RegExp(KEY));
    }
    assert.deepEqual(asked, []);
  });

  test('leaves all else alone', async () => {
    const passed = `
      const seen = [];
      const self = {};
      globalThis.fetch = function (...all) { seen.push([this, ...all]); return 'answer'; };
      await import('${PRELOAD.href}');
      const request = new Request('https://example.com/x', { method: 'POST', body: 'x' });
      const init = { signal: AbortSignal.timeout(1000) };
      const all = [['https://example.com/accelerate.prisma-data.net', init], [new URL('https://example.com')], [request, init],
        ['https://my-accelerate.prisma-data.net/'], ['https://accelerate.prisma-data.net.example.com/'], ['not a url'], []];
      const answers = all.map((each) => globalThis.fetch.apply(self, each));
      console.log(
        answers.every((answer) => answer === 'answer') &&
        all.every((each, at) => seen[at][0] === self && each.length === seen[at].length - 1 &&
          each.every((argument, n) => argument === seen[at][n + 1])),
      );`;
    assert.equal(await run(passed, { POOL_PROXY_URL: origin }, false), 'true');
  });

  test('keeps a signal and a body that streams', async () => {
    const streams = `
      const body = new ReadableStream({ start(it) { it.enqueue(new TextEncoder().encode('ab')); it.close(); } });
      const request = new Request('${HOSTED}/x', { method: 'POST', body, duplex: 'half' });
      console.log((await fetch(request)).status);
      const aborted = AbortSignal.abort(new Error('mine'));
      for (const each of [fetch('${HOSTED}/x', { signal: aborted }), fetch(new Request('${HOSTED}/x', { signal: aborted }))]) {
        console.log(await each.catch((error) => error.message));
      }`;
    assert.equal(await run(streams, { POOL_PROXY_URL: origin }), '200\nmine\nmine');
    assert.deepEqual(asked.map(({ body }) => body), ['ab']);
  });

  test('is loaded by its name', async () => {
    const packages = join(folder, 'by-name/node_modules');
    mkdirSync(packages, { recursive: true });
    symlinkSync(fileURLToPath(new URL('.', PRELOAD)), join(packages, 'pool-proxy-preload'));
    const guard = pathToFileURL(join(folder, 'guard.mjs')).href;
    const code = `console.log((await fetch('${HOSTED}/invalidate')).status)`;
    const run = (loads, env) =>
      promisify(execFile)(process.execPath, ['--import', guard, ...loads, '--input-type=module', '--eval', code], {
        cwd: join(folder, 'by-name'),
        env: { PATH: process.env.PATH, ...env },
      });
    assert.equal((await run(['--import', 'pool-proxy-preload'], {})).stdout, '421\n');
    const loaded = run([], { NODE_OPTIONS: `--import ${guard} --import pool-proxy-preload` });
    assert.equal((await loaded).stdout, '421\n');
    const manifest = JSON.parse(readFileSync(new URL('package.json', PRELOAD)));
    assert.equal(manifest.dependencies, undefined);
  });
});

describe('Prisma’s client with its extension, unmodified', () => {
  const app = `
    import { PrismaClient } from './client.mjs';
    import { withAccelerate } from '@prisma/extension-accelerate';
    const accelerateUrl = 'prisma+postgres://proxy.invalid/?api_key=${KEY}';
    const prisma = new PrismaClient({ accelerateUrl }).$extends(withAccelerate());
    for (const act of [() => prisma.$accelerate.invalidate({ tags: ['a', 'b'] }), () => prisma.$accelerate.invalidateAll()]) {
      console.log(await act().then(() => 'done', (error) => error.message));
    }
    process.exit();`;

  before(async () => {
    await generate(fileURLToPath(new URL('prisma-neon.prisma', import.meta.url)), folder);
    const entryPoints = [join(folder, 'client/client.ts')];
    const outfile = join(folder, 'client.mjs');
    await esbuild.build({ entryPoints, outfile, bundle: true, packages: 'external', platform: 'node', format: 'esm' });
  });

  test('would hand over the key without the preload', async () => {
    const said = await run(app, { POOL_PROXY_URL: origin }, false);
    assert.match(said, new RegExp(`^LEAK ${HOSTED}/invalidate Bearer ${KEY}$`, 'm'));
  });

  test('invalidates at the proxy with it', async () => {
    assert.equal(await run(app, { POOL_PROXY_URL: origin }), 'done\ndone');
    const invalidations = asked.filter(({ url }) => url === '/invalidate');
    assert.deepEqual(invalidations.map(({ body }) => JSON.parse(body)), [{ tags: ['a', 'b'] }, { tags: 'all' }]);
    assert.ok(invalidations.every(({ headers }) => headers.authorization === `Bearer ${KEY}`));
  });

  test('hands over nothing where the proxy is not known', async () => {
    const said = await run(app, {});
    assert.doesNotMatch(said, /LEAK|done/);
    assert.equal(said.match(/Response was 421 .*set POOL_PROXY_URL/g)?.length, 2, said);
  });
});
