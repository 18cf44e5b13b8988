/**
 * Watches what is written to the disk of a run, through all its crashes, for what encryption promises:
 *
 * - no nonce is used twice with one key: of the groups that were ever written, no two different ones have the same salt,
 *   which makes the key, and the same counter, which is the nonce. What settling copies is the same group;
 * - nothing that was put into a stream while it encrypted is ever written as it is.
 *
 * It sees every write as it is begun, also those that a crash undoes: an attacker may have seen them too. It finds groups
 * by their bytes and not by asking the log: the head of each has the fingerprint of the run's one master key.
 */
import { MasterKeySet } from '@millrace/server';
import { check } from './violation.js';

/** What partition keys begin with that are put into streams that encrypt. */
export const secretPrefix = 'never-plain-';

/** From the fingerprint on: salt and counter, then the tag (`sealed-group.ts`). */
const fingerprintBytes = 8;
const nonceBytes = 16 + 8;
const tagBytes = 16;

export class SealedWatch {
  /** The operator's key: it outlives all crashes. */
  readonly keys = new MasterKeySet('the simulation', [Buffer.alloc(32, 0x5a)]);
  readonly #fingerprint = Buffer.from(this.keys.newest ?? '', 'hex');
  readonly #tagOf = new Map<string, string>();

  /** How many groups there were. */
  get groups(): number {
    return this.#tagOf.size;
  }

  wrote(name: string, bytes: Uint8Array): void {
    const written = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    check(!written.includes(secretPrefix), () => `what was to be sealed was written to ${name} as it is`);
    for (let at = 0; ; at++) {
      at = written.indexOf(this.#fingerprint, at);
      if (at < 0) return;
      const nonceAt = at + fingerprintBytes;
      const tagAt = nonceAt + nonceBytes;
      // A copy that is written in slices may be cut in a head; the group was seen whole when it was first written.
      if (tagAt + tagBytes > written.length) return;
      const nonce = written.toString('hex', nonceAt, tagAt);
      const tag = written.toString('hex', tagAt, tagAt + tagBytes);
      const before = this.#tagOf.get(nonce);
      check(before === undefined || before === tag, () => `a nonce was used twice with one key, in ${name}`);
      this.#tagOf.set(nonce, tag);
    }
  }
}
