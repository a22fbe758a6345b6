// Sends to your own proxy what Prisma's Accelerate extension would send to the hosted service whatever the client's URL
// is: `$accelerate.invalidate`, with the API key of that URL. Loaded before the application:
//   node --import pool-proxy-preload app.js

const HOSTED = 'accelerate.prisma-data.net';

/** In this order; of the latter two only Prisma's own kind of URL tells where the proxy is. */
const OURS = 'POOL_PROXY_URL';
const PRISMAS = ['ACCELERATE_URL', 'DATABASE_URL'];

/** Names for this machine for which Prisma's clients speak HTTP. */
const LOCAL = ['localhost', '127.0.0.1', '[::1]'];

const original = globalThis.fetch;

globalThis.fetch = function fetch(resource, init) {
  const url = addressOf(resource);
  if (url === null || !isHosted(url)) {
    return Reflect.apply(original, this, arguments);
  }
  const { origin, problem } = proxy();
  if (problem) {
    return Promise.resolve(refusal(problem));
  }
  const to = new URL(url.pathname + url.search, origin);
  // A request takes everything along but its address.
  const moved = resource instanceof Request ? new Request(to, resource) : to.href;
  return Reflect.apply(original, this, [moved, init]);
};

/** Where a request goes, or null if fetch is to say what is wrong with it. */
function addressOf(resource) {
  try {
    return new URL(resource instanceof Request ? resource.url : resource);
  } catch {
    return null;
  }
}

function isHosted({ hostname }) {
  return hostname === HOSTED || hostname === `${HOSTED}.`;
}

/**
 * An answer, as if by a server that is not the one. An error of fetch the extension would hide behind words of its own, but it
 * repeats what an answer says, and Prisma's client makes an error of it.
 */
function refusal(problem) {
  const message = `pool-proxy-preload: not sent, ${problem}`;
  const body = { code: 'P6001', error: message, message };
  return Response.json(body, { status: 421, statusText: 'Misdirected Request' });
}

/**
 * The proxy's origin, or why it is not known. Asked for with each request: what reads `.env` into the environment may come
 * after us.
 */
function proxy() {
  const ours = process.env[OURS];
  if (ours) {
    const origin = originOf(ours);
    return origin ? { origin } : { problem: `for ${OURS} is not the URL of a proxy, such as https://proxy.example.com` };
  }
  for (const name of PRISMAS) {
    const value = process.env[name] ?? '';
    const origin = /^prisma(\+postgres)?:/i.test(value) ? originOf(value) : null;
    if (origin) {
      return { origin };
    }
  }
  const why = `for ${HOSTED} would get the API key of your proxy`;
  return { problem: `${why}: set ${OURS} to the proxy's URL, such as https://proxy.example.com` };
}

/** The origin of a URL of a proxy; null if it is none, or the hosted service's. Never says what is in it: a key may be. */
function originOf(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    return null;
  }
  if (url.host === '' || isHosted({ hostname: url.hostname.toLowerCase() })) {
    return null;
  }
  switch (url.protocol) {
    case 'http:':
    case 'https:':
      return url.origin;
    case 'prisma:':
      return `https://${url.host}`;
    case 'prisma+postgres:':
      // By Prisma's clients' own rule.
      return `${LOCAL.some((name) => url.host.includes(name)) ? 'http' : 'https'}://${url.host}`;
    default:
      return null;
  }
}
