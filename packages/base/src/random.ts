/**
 * Randomness as a parameter. `seededRandom` repeats itself for ever from one seed, so that whatever the simulator
 * found once it finds again; `systemRandom` is the operating system's, for secrets and names.
 */
import { randomBytes } from 'node:crypto';
import { assert } from './assert.js';

export interface Random {
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** A number in [0, 1). */
  fraction(): number;
  /** `length` bytes. */
  bytes(length: number): Uint8Array;
}

/** True with `probability` (0 to 1). */
export function chance(random: Random, probability: number): boolean {
  return random.fraction() < probability;
}

/** One of `choices`, which must not be empty. */
export function pick<T>(random: Random, choices: readonly T[]): T {
  assert(choices.length > 0, 'nothing to pick from');
  return choices[random.integer(choices.length)] as T;
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  integer: (bound) => Math.floor(systemRandom.fraction() * bound),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (length) => new Uint8Array(randomBytes(length)),
};

/** The same sequence for the same `seed` (xoshiro128**, seeded through splitmix32), on every machine. */
export function seededRandom(seed: number): Random {
  let mixed = seed >>> 0;
  const splitmix = (): number => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix();
  const next = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const random: Random = {
    integer: (bound) => Math.floor(random.fraction() * bound),
    fraction: () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53,
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = next();
      return bytes;
    },
  };
  return random;
}
