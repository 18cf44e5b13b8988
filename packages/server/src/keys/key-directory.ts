/**
 * Master keys in a directory of their own, of the operator's choice.
 *
 *      KEYS/master.key    0600:   millrace-master-key 1
 *                                 6f0c…                       64 hexadecimal digits, a line for each key;
 *                                 91ab…                       the last is for all that is sealed from now on
 *
 * The first key is made when the first stream is told to encrypt: written beside, synced, linked to its name (which fails
 * if another server was faster: then its key is the one), the directory synced. Nothing is sealed before that. An
 * operator who wants another key adds a line, restarts, and tells the streams to encrypt once more; a line that no stream
 * needs any more may go.
 */

import type { KeyObject } from 'node:crypto';
import { link, mkdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Random } from '@millrace/base';
import { makeDirectory, syncDirectory, writeNewFile } from '../data-directory.js';
import {
  type Fingerprint,
  MasterKeyError,
  MasterKeySet,
  type MasterKeys,
  masterKeyBytes,
} from './master-keys.js';

const fileName = 'master.key';
const title = 'millrace-master-key 1';
const keysMax = 64;
/** What `keysMax` lines take, and some; a longer file is none of ours. */
const fileBytesMax = 16 * 1024;
const othersMode = 0o077;

export class KeyDirectory implements MasterKeys {
  readonly #directory: string;
  readonly #random: Random;
  #keys: MasterKeySet;
  #making: Promise<Fingerprint> | undefined;

  private constructor(directory: string, random: Random, keys: MasterKeySet) {
    this.#directory = directory;
    this.#random = random;
    this.#keys = keys;
  }

  /** Reads what is there; a directory or file that is not is made when it is needed. Rejects with `MasterKeyError`. */
  static async open(directory: string, random: Random): Promise<KeyDirectory> {
    const absolute = path.resolve(directory);
    const keys = (await readKeys(path.join(absolute, fileName))) ?? [];
    return new KeyDirectory(absolute, random, new MasterKeySet(absolute, keys));
  }

  get place(): string {
    return path.join(this.#directory, fileName);
  }

  async current(): Promise<Fingerprint> {
    const { newest } = this.#keys;
    if (newest !== undefined) return newest;
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#keys.has(fingerprint);
  }

  dataKey(fingerprint: Fingerprint, salt: Uint8Array): KeyObject | undefined {
    return this.#keys.dataKey(fingerprint, salt);
  }

  async #make(): Promise<Fingerprint> {
    const file = this.place;
    const draft = `${file}.${Buffer.from(this.#random.bytes(6)).toString('hex')}.new`;
    try {
      await makeDirectory(path.dirname(this.#directory));
      // Not Node's recursive one, for what `makeDirectory` says of it.
      await mkdir(this.#directory, { mode: 0o700 }).catch(unlessThere);
      await writeNewFile(
        draft,
        `${title}\n${Buffer.from(this.#random.bytes(masterKeyBytes)).toString('hex')}\n`,
      );
      await link(draft, file).catch(unlessThere);
      await rm(draft);
      await syncDirectory(this.#directory);
      await syncDirectory(path.dirname(this.#directory));
    } catch (error) {
      throw unusable(file, 'made', error);
    }
    this.#keys = new MasterKeySet(file, (await readKeys(file)) ?? []);
    return this.#keys.current();
  }
}

/** Another server may have been faster. */
function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** The keys of a file; undefined where there is none. */
async function readKeys(file: string): Promise<readonly Uint8Array[] | undefined> {
  let text: string;
  let mode: number;
  try {
    const found = await stat(file);
    mode = found.mode;
    text = found.isFile() && found.size <= fileBytesMax ? await readFile(file, 'latin1') : '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(file, 'read', error);
  }
  if ((mode & othersMode) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw new MasterKeyError(
      'exposed',
      `Others may read the master key ${file} (its mode is ${shown}): chmod 600 it.`,
    );
  }
  const [first, ...lines] = text.trimEnd().split('\n');
  const whole = lines.length > 0 && lines.length <= keysMax;
  if (first !== title || !whole || !lines.every((line) => /^[0-9a-f]{64}$/.test(line))) {
    throw new MasterKeyError(
      'malformed',
      `The master key ${file} is not what Millrace writes: restore it from where it is kept, or name another directory with --keys.`,
    );
  }
  return lines.map((line) => Buffer.from(line, 'hex'));
}

function unusable(file: string, what: 'read' | 'made', error: unknown): MasterKeyError {
  const { code } = error as NodeJS.ErrnoException;
  return new MasterKeyError(
    'unusable',
    `The master key ${file} cannot be ${what} (${code ?? String(error)}).`,
    { cause: error },
  );
}
