/**
 * Master keys and the data keys that are derived from them.
 *
 *      master key (32 bytes, the operator's) ──HKDF-SHA-256(salt)──▶ data key (AES-256)
 *                    └──HKDF-SHA-256──▶ fingerprint: 8 bytes that name it and tell nothing of it
 *
 * A data key is never kept anywhere: whoever has the master key and the salt, which stands beside what was sealed, has
 * it. So one file is all that an operator has to keep, once, and a salt that was never used before makes a data key that
 * was never used before, without a write to any disk.
 *
 * Invariant: a master key never leaves this room. Others name it by its fingerprint, in 16 hexadecimal digits.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

export const masterKeyBytes = 32;
export const fingerprintBytes = 8;
export const saltBytes = 16;

/** Which of the master keys. */
export type Fingerprint = string;

/** What those who seal and open know of master keys. */
export interface MasterKeys {
  /** The one for data keys to come; the first is made, and is durable, when this resolves. Rejects with `MasterKeyError`. */
  current(): Promise<Fingerprint>;
  has(fingerprint: Fingerprint): boolean;
  /** The data key of this salt; undefined where there is no such master key. */
  dataKey(fingerprint: Fingerprint, salt: Uint8Array): KeyObject | undefined;
  /** Where they are, in words for a person. */
  readonly place: string;
}

export type MasterKeyErrorCode =
  /** Something is sealed under a master key that is not there. */
  | 'missing'
  /** The file is none of ours, or not whole. */
  | 'malformed'
  /** Others than its owner may read it. */
  | 'exposed'
  /** It cannot be read or made. */
  | 'unusable';

export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
  readonly code: MasterKeyErrorCode;
  /** Whether the same may succeed later with nothing else done. */
  readonly retryable = false;

  constructor(code: MasterKeyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Master keys in memory, the newest last. */
export class MasterKeySet implements MasterKeys {
  readonly place: string;
  readonly #keys = new Map<Fingerprint, Uint8Array>();
  #newest: Fingerprint | undefined;

  constructor(place: string, keys: Iterable<Uint8Array>) {
    this.place = place;
    for (const key of keys) {
      this.#newest = fingerprintOf(key);
      this.#keys.set(this.#newest, key);
    }
  }

  get newest(): Fingerprint | undefined {
    return this.#newest;
  }

  async current(): Promise<Fingerprint> {
    if (this.#newest === undefined)
      throw new MasterKeyError('missing', `There is no master key in ${this.place}.`);
    return this.#newest;
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#keys.has(fingerprint);
  }

  dataKey(fingerprint: Fingerprint, salt: Uint8Array): KeyObject | undefined {
    const key = this.#keys.get(fingerprint);
    return key === undefined
      ? undefined
      : createSecretKey(Buffer.from(hkdfSync('sha256', key, salt, 'millrace data key 1', masterKeyBytes)));
  }
}

function fingerprintOf(key: Uint8Array): Fingerprint {
  const bytes = hkdfSync('sha256', key, new Uint8Array(0), 'millrace fingerprint 1', fingerprintBytes);
  return Buffer.from(bytes).toString('hex');
}
