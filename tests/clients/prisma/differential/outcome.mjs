// What an application gets of an operation, in a form that can be compared, and what two of them may differ in.

import { Buffer } from 'node:buffer';

/** Whatever a clock of ours has said is later. */
const NOW = Date.now() - 60_000;
const FAR = Date.parse('2200-01-01');

/** What the generators of keys make, in the columns that have them. */
const GENERATED = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  ulid: /^[0-9A-HJKMNP-TV-Z]{26}$/,
  cuid: /^c[0-9a-z]{24}$/,
  cuid2: /^[a-z][0-9a-z]{23}$/,
  nanoid: /^[\w-]{21}$/,
  'nanoid(10)': /^[\w-]{10}$/,
};

/** Those that are not made but given. */
const GIVEN = /^(11111111-|22222222-|6f1e1f6c-|00000000-)/;

/** What came of it: `{ value }` or `{ error }`, in tagged JSON. */
export async function outcome(work) {
  try {
    return { value: tagged(await work()) };
  } catch (error) {
    if (!(error instanceof Error)) {
      throw error;
    }
    const { name, code, meta } = error;
    // This one ends with what the client has logged, and was never sent.
    const message = name === 'PrismaClientRustPanicError' ? '' : error.message;
    return { error: { name, code, message: masked(message), meta: tagged(meta) } };
  }
}

/** A value as JSON: everything that JSON lacks has a tag, what differs by nature a mask. */
export function tagged(value, key = '') {
  switch (typeof value) {
    case 'bigint':
      return { $bigint: String(value) };
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'string':
      return generated(value, key);
    case 'undefined':
      return { $undefined: true };
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) {
    return null;
  }
  if (value instanceof Date) {
    const time = value.getTime();
    return { $date: Number.isNaN(time) ? 'invalid' : time > NOW && time < FAR ? 'now' : value.toISOString() };
  }
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value).toString('hex') };
  }
  if (typeof value.toFixed === 'function') {
    return { $decimal: value.toString() };
  }
  if (Array.isArray(value)) {
    return value.map((it) => tagged(it, key));
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, tagged(inner, name)]));
}

function generated(value, key) {
  if (key !== 'id' && key !== 'alt') {
    return value;
  }
  const kind = Object.keys(GENERATED).find((name) => GENERATED[name].test(value));
  return kind && !GIVEN.test(value) ? { $generated: kind } : value;
}

/** A message without what is different by nature: elapsed times, ids of transactions. */
function masked(message) {
  return message.replace(/however \d+ ms/, 'however N ms');
}

/** Where two outcomes differ first, or nothing. */
export function difference(expected, found, path = '') {
  if (Object.is(expected, found)) {
    return undefined;
  }
  const objects = [expected, found].every((it) => it !== null && typeof it === 'object');
  if (!objects || Array.isArray(expected) !== Array.isArray(found)) {
    return path;
  }
  const names = Object.keys(expected);
  // An application sees the order of the columns, too.
  if (JSON.stringify(names) !== JSON.stringify(Object.keys(found))) {
    return `${path} (${names} or ${Object.keys(found)})`;
  }
  for (const name of names) {
    const inner = difference(expected[name], found[name], `${path}.${name}`);
    if (inner !== undefined) {
      return inner;
    }
  }
  return undefined;
}
