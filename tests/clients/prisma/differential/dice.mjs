// A generator of test data: the same seed gives the same data.

export class Dice {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 on, less than 1 (mulberry32, a generator in the public domain). */
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 on, less than `end`. */
  below(end) {
    return Math.floor(this.unit() * end);
  }

  /** A whole number, both ends included. */
  between(first, last) {
    return first + this.below(last - first + 1);
  }

  /** True in this share of the cases. */
  chance(share) {
    return this.unit() < share;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** As many different elements of a list, in any order, or all. */
  some(list, number) {
    const left = [...list];
    const taken = [];
    while (taken.length < number && left.length > 0) {
      taken.push(left.splice(this.below(left.length), 1)[0]);
    }
    return taken;
  }

  /** One of the keys of an object, each as often as its value says. */
  weighed(weights) {
    const entries = Object.entries(weights);
    let at = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      at -= weight;
      if (at < 0) {
        return name;
      }
    }
    return entries[0][0];
  }
}
