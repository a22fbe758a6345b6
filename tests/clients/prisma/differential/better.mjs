// Where the reference errs and a careful server does better, and where clients of different versions may differ.

/** Failures of the reference's own, which it tells without a code; what a server does instead is up to it. */
const FAULTS = {
  'a list of BigInt within a relation': /values\.map is not a function/,
  'a date that JavaScript has not': /Invalid time value/,
  'an oid in raw SQL': /Do not know how to serialize a BigInt/,
  'money of a thousand or more, which Postgres writes with commas': /\[DecimalError\] Invalid argument: -?\$?\d{1,3}(,\d{3})+/,
  'money below zero, whose sign is cut off instead of its currency': /\[DecimalError\] Invalid argument: \$\d/,
  'a failure of the commit': /^(TransactionWriteConflict|UniqueConstraintViolation|ForeignKeyConstraintViolation)$/m,
};

/** Why the outcome found may differ from what is expected, or nothing. */
export function knownBetter(expected, found) {
  if (JSON.stringify(expected) === JSON.stringify(found)) {
    return undefined;
  }
  const errors = failures(expected).filter(({ code }) => code === 'P6000');
  for (const [what, shape] of Object.entries(FAULTS)) {
    if (errors.some(({ message }) => shape.test(message))) {
      return what;
    }
  }
  // Postgres has undone it, whatever the reference says.
  if (expected.whole?.value && found.whole?.error?.code === 'P2039' && failures(expected).length > 0) {
    return 'the commit of a transaction that has failed';
  }
  return JSON.stringify(rounded(expected)) === JSON.stringify(rounded(found)) ? 'the digits of a Decimal within a relation' : undefined;
}

/** Whether the client's own compiler, which is WebAssembly, has broken down: it answers nothing any more, whatever is asked. */
export function brokenDown(outcome) {
  return failures(outcome).some(({ message }) => /memory access out of bounds|ownership of Rust value|recursive use of an object/.test(message));
}

/** The same of clients of two versions: failures are known by their codes alone, whose words and details have changed. */
export function coarse(outcome) {
  if (Array.isArray(outcome)) {
    return outcome.map(coarse);
  }
  if (outcome === null || typeof outcome !== 'object') {
    return outcome;
  }
  if (outcome.error?.name) {
    return { error: outcome.error.code ?? outcome.error.name };
  }
  return Object.fromEntries(Object.entries(outcome).map(([name, inner]) => [name, coarse(inner)]));
}

/** All failures of an outcome, and of its parts. */
function failures({ error, all = [], parts = [], whole }) {
  return [error, ...[...all, ...parts, whole].map((part) => part?.error)].filter(Boolean);
}

/** The same with decimals as what the reference makes of them in JSON: doubles. */
function rounded(value) {
  if (value === null || typeof value !== 'object') {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map(rounded);
  }
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([name, inner]) => [name, name === '$decimal' ? Number(inner) : rounded(inner)]));
}
