// Random operations over the wide schema, by the real client, against the proxy and against Prisma's own executor: what
// the application gets must be the same, and so must be what the databases hold. The same operations for a seed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { brokenDown, coarse, knownBetter } from './differential/better.mjs';
import { Dice } from './differential/dice.mjs';
import { Inputs } from './differential/inputs.mjs';
import { Models } from './differential/models.mjs';
import { Operations } from './differential/operations.mjs';
import { difference } from './differential/outcome.mjs';
import { Raw } from './differential/raw.mjs';
import { Side } from './differential/side.mjs';
import { Values } from './differential/values.mjs';
import { load, NEWEST } from './versions.mjs';

const { env } = process;
const SEED = Number(BigInt(env.POOL_PROXY_TEST_SEED ?? 0) % 2n ** 32n);
const COUNT = Number(env.POOL_PROXY_TEST_FUZZ ?? 1000);

/** The version of the client over the proxy; that over the reference is always the newest. */
const VERSION = env.PRISMA_VERSION ?? NEWEST;

/** After so many operations both databases begin anew. */
const ROUND = 25;

/** The part of the operations that must have been compared before a client breaks down, after which nothing can be. */
const LEAST = 0.2;

/** How many differences are told before it is enough. */
const ENOUGH = 10;

const PREVIEWS = ['relationJoins', 'nativeDistinct', 'fullTextSearchPostgres'];
const made = { plain: await load(VERSION), preview: await load(VERSION, PREVIEWS) };
const newest = VERSION === NEWEST ? made : { plain: await load(NEWEST), preview: await load(NEWEST, PREVIEWS) };
const proxy = new Side(made, env.ACCELERATE_URL, env.DATABASE_URL, true);
const reference = new Side(newest, env.REFERENCE_ACCELERATE_URL, env.REFERENCE_DATABASE_URL, false);
// Each asks by the values of its own client: there are as many dice, which fall alike.
const asked = [questions(made, proxy), questions(newest, reference)];

after(() => Promise.all([proxy.end(), reference.end()]));

describe('the same as the reference', () => {
  before(() => both((side) => side.reset()));

  test(`${COUNT} random operations of ${VERSION}, seed ${SEED}`, async () => {
    const wrong = [];
    const counts = { succeeded: 0, failed: 0, better: {} };
    for (let number = 0; number < COUNT && wrong.length < ENOUGH; number += 1) {
      const [[kind, operation], [, same]] = asked.map((question) => question());
      const outcomes = await Promise.all([proxy.perform(kind, operation), reference.perform(kind, same)]);
      if (outcomes.some(brokenDown)) {
        console.log(`a client has broken down at operation ${number}`);
        break;
      }
      const [found, expected] = VERSION === NEWEST ? outcomes : outcomes.map(coarse);
      const better = knownBetter(expected, found);
      const where = better ? undefined : difference(expected, found);
      counts[expected.error || expected.whole?.error ? 'failed' : 'succeeded'] += 1;
      if (better) {
        counts.better[better] = (counts.better[better] ?? 0) + 1;
      }
      if (where !== undefined) {
        wrong.push(told(number, kind, operation, where, expected, found));
      }
      if (where !== undefined || better || number % ROUND === ROUND - 1) {
        const [left, right] = better ? [] : await both((side) => side.state());
        const differs = difference(right, left);
        if (differs !== undefined) {
          wrong.push(`the databases differ since operation ${number - (number % ROUND)}: ${told(number, kind, operation, differs, right, left)}`);
        }
        await both((side) => side.reset());
      }
    }
    console.log(inspect(counts, { breakLength: 120 }));
    assert.equal(wrong.length, 0, `${wrong.join('\n\n')}\n\n${wrong.length} differences, seed ${SEED}`);
    // Or nothing has been compared.
    const compared = counts.succeeded + counts.failed;
    assert.ok(compared > COUNT * LEAST && counts.succeeded > compared / 2, inspect(counts));
  });
});

/** What asks the next random question: a kind of client, and what to do with it. */
function questions(clients, side) {
  const dice = new Dice(SEED);
  const kinds = Object.entries(clients).map(([kind, client]) => {
    // The newest client takes whatever an older one does.
    const models = new Models(made[kind].dmmf);
    const values = new Values(dice, models, client);
    const inputs = new Inputs(dice, models, values, side.clients[kind]);
    return [kind, new Operations(dice, models, inputs, new Raw(dice, values))];
  });
  return () => {
    const [kind, operations] = dice.pick(kinds);
    return [kind, operations[dice.weighed({ one: 80, several: 12, cached: 8 })]()];
  };
}

function both(work) {
  return Promise.all([work(proxy), work(reference)]);
}

function told(number, kind, operation, where, expected, found) {
  const shown = (value) => inspect(value, { depth: 30, breakLength: 160, maxStringLength: 2000 });
  return `operation ${number} of the ${kind} client: ${shown(operation)}\ndiffers at ${where}\nexpected ${shown(expected)}\nfound ${shown(found)}`;
}
