/**
 * A disk whose faults are seeded. It keeps the contract of `Disk` and nothing that the contract does not promise.
 *
 * The fault model:
 *
 *  1. Lost writes. What no sync has covered may be gone after a power failure.
 *  2. Torn writes. Of an uncovered write any prefix may survive, cut at any byte; or any set of its 512-byte sectors;
 *     or any set of its 4096-byte pages. Bytes outside the written range never change.
 *  3. Reordered writes. Of many uncovered writes any set may survive, the newest without the oldest.
 *  4. Lengths. An uncovered length may be any between the synced and the seen one, whatever became of the data;
 *     where the file grew and no data came there are zeros, noise, or the bytes of a removed file.
 *  5. Names. Creates, renames and removes that no `syncDirectory` has covered are kept or lost one by one; only those
 *     that touch the same name keep their order. A rename is whole or not at all. Syncing a file does not make its
 *     name durable.
 *  6. Failing writes. A write, truncation, create, rename or remove may fail (`io`); any prefix of a write may have
 *     been written.
 *  7. Failing syncs. After a failed sync each uncovered write is durable, or as uncovered as before, or dropped: then
 *     processes go on seeing it, later syncs succeed, and the next power failure takes it away. A restart of the
 *     process alone does not bring it back to the disk; writing the bytes again does. Each other handle of the file that was
 *     open is told once, by its next sync, and then no more.
 *  8. A sync covers what was written before it was asked for. What came later is not covered.
 *  9. Failing and short reads. A read may fail (`io`). At the end of a file it is short, and the rest of the target is
 *     scribbled over.
 * 10. Full disk. Space is given out in blocks of 4096 bytes; the write that finds none left (`full`) has written
 *     what there was room for. Creating a file on a full disk fails, too; removing one never does.
 * 11. Damage. Bytes that were synced change: one bit, or a sector that reads as zeros or as a pattern. Only where
 *     later synced bytes prove that it cannot be a torn tail, so that a reader can be held to detect it.
 * 12. Order. Operations in flight at one time are performed in any order, one file's among them.
 * 13. Crashes come before, during (2, 3) and after any operation: of the process alone (what was written stays seen,
 *     operations in flight may still happen) or of the machine (1–5); in a recovery too, and in the recovery from that.
 * 14. The lock belongs to a process and goes with it.
 */
import type { Random } from '@millrace/base';
import { type Disk, DiskError, type DiskErrorCode, type DiskFile, type DiskLock } from '@millrace/log';
import type { DiskImage } from './disk-image.js';
import type { AskedWrite, FileBody } from './file-body.js';
import type { Schedule } from './schedule.js';

/** Probabilities by kind of operation; what is 0 never fails. */
export interface DiskFaults {
  readonly writeFails: number;
  readonly syncFails: number;
  readonly readFails: number;
  /** Of creates, opens, renames, removes, truncations and `syncDirectory`. */
  readonly nameFails: number;
}

export const noFaults: DiskFaults = { writeFails: 0, syncFails: 0, readFails: 0, nameFails: 0 };

/** What a process's disk has done to it so far. */
export interface DiskCounts {
  operations: number;
  writes: number;
  syncs: number;
  ioErrors: number;
  fullErrors: number;
}

/** The disk as one process sees it: a new one for each life, over the same image. */
export class SimulatedDisk implements Disk {
  readonly #image: DiskImage;
  readonly #schedule: Schedule;
  readonly #random: Random;
  #ended = false;
  faults: DiskFaults = noFaults;
  readonly counts: DiskCounts = { operations: 0, writes: 0, syncs: 0, ioErrors: 0, fullErrors: 0 };
  /** Calls that no real disk could have answered, such as a write to a closed file: bugs of the caller. */
  readonly misuses: string[] = [];

  constructor(image: DiskImage, schedule: Schedule, random: Random) {
    this.#image = image;
    this.#schedule = schedule;
    this.#random = random;
  }

  /** The process is gone: nothing that it asked for, or asks for from now on, is answered. */
  end(): void {
    this.#ended = true;
  }

  list(): Promise<readonly string[]> {
    return this.#submit('list', 0, 0, () => shuffled(this.#image.names(), this.#random));
  }

  open(name: string, mode: 'existing' | 'create'): Promise<DiskFile> {
    return this.#submit(`open ${mode} ${name}`, 0, 0, () => {
      this.#mayFail(this.faults.nameFails, `opening ${name}`);
      const found = this.#image.find(name);
      if (mode === 'existing') {
        if (found === undefined) throw new DiskError('missing', `${name} is missing`);
        return this.#file(name, found);
      }
      if (found !== undefined) throw new DiskError('exists', `${name} exists`);
      if (this.#image.freeBlocks === 0) throw this.#fail('full', `no room to create ${name}`);
      return this.#file(name, this.#image.create(name));
    });
  }

  remove(name: string): Promise<void> {
    return this.#submit(`remove ${name}`, 0, 0, () => {
      if (this.#image.find(name) === undefined) throw new DiskError('missing', `${name} is missing`);
      this.#mayFail(this.faults.nameFails, `removing ${name}`);
      this.#image.remove(name);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#submit(`rename ${from} ${to}`, 0, 0, () => {
      if (this.#image.find(from) === undefined) throw new DiskError('missing', `${from} is missing`);
      this.#mayFail(this.faults.nameFails, `renaming ${from}`);
      this.#image.rename(from, to);
    });
  }

  isLinked(name: string): Promise<boolean> {
    return this.#submit(`look at ${name}`, 0, 0, () => this.#image.find(name)?.shared === true);
  }

  syncDirectory(): Promise<void> {
    const order = this.#image.order;
    return this.#submit('sync directory', order, 0, () => {
      this.counts.syncs++;
      this.#mayFail(this.faults.nameFails, 'syncing the directory');
      this.#image.syncEntries(order);
    });
  }

  lock(): Promise<DiskLock> {
    return this.#submit('lock', 0, 0, () => {
      if (this.#image.locked) throw new DiskError('locked', 'another process has the directory');
      this.#image.locked = true;
      return { release: () => this.#submit('unlock', 0, 0, () => this.#unlock()) };
    });
  }

  #unlock(): void {
    this.#image.locked = false;
  }

  #file(name: string, body: FileBody): DiskFile {
    body.handles++;
    const handle = {};
    let failures = body.failures;
    let open = true;
    const submit = <T>(what: string, a: number, b: number, perform: () => T): Promise<T> =>
      this.#submit(what, a, b, () => {
        if (!open) this.#misuse(`${what} of ${name} after its close`);
        return perform();
      });
    return {
      read: (target, offset) =>
        submit('read', offset, target.length, () => this.#read(name, body, target, offset)),
      write: (parts, offset) => {
        let length = 0;
        for (const part of parts) length += part.length;
        const asked = body.ask(handle, offset);
        return submit('write', offset, length, () => this.#write(name, body, parts, asked, length));
      },
      sync: () => {
        const order = this.#image.order;
        const asked = body.askedThrough(handle);
        return submit('sync', body.id, order, () => {
          try {
            this.#sync(name, body, order, asked, body.failures > failures);
          } finally {
            failures = body.failures;
          }
        });
      },
      truncate: (length) =>
        submit('truncate', body.id, length, () => {
          this.#mayFail(this.faults.nameFails, `truncating ${name}`);
          this.#image.truncate(body, length);
        }),
      size: () => submit('size', body.id, 0, () => body.length),
      close: () =>
        submit('close', body.id, 0, () => {
          open = false;
          this.#image.release(body);
        }),
    };
  }

  #read(name: string, body: FileBody, target: Uint8Array, offset: number): number {
    this.#mayFail(this.faults.readFails, `reading ${name}`);
    const count = Math.max(0, Math.min(target.length, body.length - offset));
    target.set(body.bytes.subarray(offset, offset + count));
    if (count < target.length) target.fill(0xdb, count);
    return count;
  }

  #write(
    name: string,
    body: FileBody,
    parts: readonly Uint8Array[],
    asked: AskedWrite,
    length: number,
  ): void {
    this.counts.writes++;
    const { offset } = asked;
    asked.answered = true;
    const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length);
    if (bytes.length !== length) this.#misuse(`a write to ${name} changed its length on the way`);
    this.#image.watch?.(name, bytes);
    if (this.#strikes(this.faults.writeFails)) {
      this.#image.write(body, asked, bytes.subarray(0, this.#random.integer(length + 1)));
      throw this.#fail('io', `writing ${name} at ${offset}`);
    }
    if (this.#image.write(body, asked, bytes) < length) {
      throw this.#fail('full', `writing ${length} bytes to ${name} at ${offset}`);
    }
  }

  #sync(
    name: string,
    body: FileBody,
    order: number,
    asked: readonly AskedWrite[],
    failedBefore: boolean,
  ): void {
    this.counts.syncs++;
    if (failedBefore) throw this.#fail('io', `syncing ${name}: an earlier sync failed`);
    if (this.#strikes(this.faults.syncFails)) {
      body.failSync(this.#random);
      throw this.#fail('io', `syncing ${name}`);
    }
    body.sync(order);
    // What is asked for while the answer is still on its way was asked for without knowing it.
    void this.#schedule.settle().then(() => body.told(asked));
  }

  /** Performs `perform` when the schedule says so; its value or `DiskError` is the answer, if anyone still waits. */
  #submit<T>(what: string, a: number, b: number, perform: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return;
      this.#schedule.submit(() => {
        this.counts.operations++;
        this.#schedule.trace.note(what, a, b);
        try {
          const value = perform();
          return () => resolve(value);
        } catch (error) {
          if (error instanceof DiskError) this.#schedule.trace.note(error.code, a, b);
          return () => reject(error);
        }
      });
    });
  }

  #strikes(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  #mayFail(probability: number, what: string): void {
    if (this.#strikes(probability)) throw this.#fail('io', what);
  }

  #fail(code: Extract<DiskErrorCode, 'io' | 'full'>, what: string): DiskError {
    if (code === 'io') this.counts.ioErrors++;
    else this.counts.fullErrors++;
    return new DiskError(code, `simulated: ${what}`);
  }

  /** Only noted: whoever made the bug may not be there to catch what is thrown. */
  #misuse(what: string): void {
    this.misuses.push(what);
  }
}

function shuffled<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const held = items[i];
    items[i] = items[j] as T;
    items[j] = held as T;
  }
  return items;
}
