// Where the reference errs and a careful server does better.

/** Whether the outcome found may differ from what is expected, because the reference is known to be wrong here. */
export function knownBetter() {
  return false;
}
