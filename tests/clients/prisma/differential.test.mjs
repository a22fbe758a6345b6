// Random operations over the wide schema, by the real client, against the proxy and against Prisma's own executor: what
// the application gets must be the same, and so must be what the databases hold. The same operations for a seed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { knownBetter } from './differential/better.mjs';
import { Dice } from './differential/dice.mjs';
import { Inputs } from './differential/inputs.mjs';
import { Models } from './differential/models.mjs';
import { Operations } from './differential/operations.mjs';
import { difference } from './differential/outcome.mjs';
import { Raw } from './differential/raw.mjs';
import { Side } from './differential/side.mjs';
import { Values } from './differential/values.mjs';
import { load } from './versions.mjs';

const { env } = process;
const SEED = Number(BigInt(env.POOL_PROXY_TEST_SEED ?? 0) % 2n ** 32n);
const COUNT = Number(env.POOL_PROXY_TEST_FUZZ ?? 1000);

/** After so many operations both databases begin anew. */
const ROUND = 25;

/** How many differences are told before it is enough. */
const ENOUGH = Number(env.POOL_PROXY_TEST_ENOUGH ?? 10);

const dice = new Dice(SEED);
const made = { plain: await load('7.10'), preview: await load('7.10', ['relationJoins', 'nativeDistinct', 'fullTextSearchPostgres']) };
const proxy = new Side(made, env.ACCELERATE_URL, env.DATABASE_URL);
const reference = new Side(made, env.REFERENCE_ACCELERATE_URL, env.REFERENCE_DATABASE_URL);
const kinds = Object.fromEntries(Object.entries(made).map(([kind, it]) => [kind, operations(it, reference.clients[kind])]));

after(() => Promise.all([proxy.end(), reference.end()]));

describe('the same as the reference', () => {
  before(() => both((side) => side.reset()));

  test(`${COUNT} random operations, seed ${SEED}`, async () => {
    const wrong = [];
    const counts = { succeeded: 0, failed: 0, better: 0 };
    const codes = {};
    for (let number = 0; number < COUNT && wrong.length < ENOUGH; number += 1) {
      const kind = dice.pick(['plain', 'preview']);
      const operation = dice.chance(0.12) ? kinds[kind].several() : kinds[kind].one();
      const [found, expected] = await both((side) => side.perform(kind, operation));
      const better = knownBetter(operation, expected, found);
      const where = better ? undefined : difference(expected, found);
      counts[better ? 'better' : expected.error || expected.whole?.error ? 'failed' : 'succeeded'] += 1;
      if (expected.error) {
        codes[expected.error.code ?? expected.error.name] = (codes[expected.error.code ?? expected.error.name] ?? 0) + 1;
      }
      if (where !== undefined) {
        wrong.push(told(number, kind, operation, where, expected, found));
      }
      if (where !== undefined || better || number % ROUND === ROUND - 1) {
        const states = better ? [] : await both((side) => side.state());
        const differs = difference(states[1], states[0]);
        if (differs !== undefined) {
          const before = `since operation ${number - (number % ROUND)}`;
          wrong.push(`the databases differ at ${differs}, ${before}:\n${told(number, kind, operation, '', states[1], states[0])}`);
        }
        await both((side) => side.reset());
      }
    }
    console.log(inspect({ ...counts, codes }, { breakLength: 120 }));
    assert.equal(wrong.length, 0, `${wrong.join('\n\n')}\n\n${wrong.length} differences, seed ${SEED}`);
    // Or nothing has been compared.
    assert.ok(counts.succeeded > COUNT / 2, inspect(counts));
  });
});

function operations(client, prisma) {
  const models = new Models(client.dmmf);
  const values = new Values(dice, models, client);
  return new Operations(dice, models, new Inputs(dice, models, values, prisma), new Raw(dice, values));
}

function both(work) {
  return Promise.all([work(proxy), work(reference)]);
}

function told(number, kind, operation, where, expected, found) {
  const shown = (value) => inspect(value, { depth: 30, breakLength: 160, maxStringLength: 2000 });
  return `operation ${number} of the ${kind} client: ${shown(operation)}\ndiffers at ${where}\nexpected ${shown(expected)}\nfound ${shown(found)}`;
}
