// Asks the routes beside this page, with the token where one is wanted.

const PLACE = 'pool-proxy operators token';

/** No token was given, or a wrong one. */
export class Refused extends Error {}

export const token = {
  get: () => sessionStorage.getItem(PLACE),
  set: (text) => sessionStorage.setItem(PLACE, text),
  forget: () => sessionStorage.removeItem(PLACE),
};

/** The answer to a request; what is not there is undefined. */
async function ask(path, options = {}) {
  const known = token.get();
  const headers = known === null ? {} : { authorization: `Bearer ${known}` };
  const answer = await fetch(path, { ...options, headers, cache: 'no-store', signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) throw new Refused();
  return answer;
}

export async function json(path) {
  const answer = await ask(path);
  // Readiness says no with a body that says why.
  if (!answer.ok && !(path === '/ready' && answer.status === 503)) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.message ?? `${path} answers ${answer.status}`);
  }
  return answer.json();
}

export async function remove(path) {
  await ask(path, { method: 'DELETE' });
}

/** The metrics, as a list of { name, labels, value }. */
export async function metrics() {
  const answer = await ask('/metrics');
  if (!answer.ok) throw new Error(`/metrics answers ${answer.status}`);
  return samples(await answer.text());
}

/** Reads the OpenMetrics text format, as far as the proxy writes it. */
export function samples(text) {
  const found = [];
  for (const line of text.split('\n')) {
    const parts = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));
    }
    found.push({ name: parts[1], labels, value: Number(parts[3]) });
  }
  return found;
}

/** The sum of a metric over those of its labels that are not given. */
export function sum(all, name, labels = {}) {
  const fits = (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value);
  return all.filter(fits).reduce((total, one) => total + one.value, 0);
}
