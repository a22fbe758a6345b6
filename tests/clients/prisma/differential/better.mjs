// Where the reference errs and a careful server does better, and where clients of different versions may differ.

/**
 * Why the outcome found may differ from what is expected, or nothing. Of clients of two versions, failures are compared
 * by their codes alone.
 */
export function knownBetter(expected, found, versions) {
  return undefined;
}
