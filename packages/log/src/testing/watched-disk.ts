/**
 * A disk under observation, for tests: it counts calls, holds syncs back, fails what it is told to, and has as much
 * room as it is given.
 */
import { type Disk, DiskError, type DiskFile, type DiskLock } from '../disk.js';

export type WatchedCall =
  | 'write'
  | 'sync'
  | 'truncate'
  | 'create'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'read';

export class WatchedDisk implements Disk {
  readonly #inner: Disk;
  readonly #lengths = new Map<string, number>();
  /** Open files by name: a rename is theirs, too. */
  readonly #named = new Map<string, { name: string }>();
  readonly calls: string[] = [];
  /** Bytes that all files together may take. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** Says which calls fail, and how. */
  fails: (call: WatchedCall, name: string) => DiskError | undefined = () => undefined;
  /** Writes and syncs of journal files that were in flight at the same time, at most. */
  inFlightMax = 0;
  /** Whether every sync waits in `held` to be ended by itself. */
  holdsEach = false;
  readonly held: ((error?: DiskError) => void)[] = [];
  #inFlight = 0;
  #held: Promise<DiskError | undefined> | undefined;
  #release: (error?: DiskError) => void = () => {};

  constructor(inner: Disk) {
    this.#inner = inner;
  }

  /** How often `call` was made on files whose name starts with `prefix`. */
  count(call: WatchedCall, prefix = ''): number {
    return this.calls.filter((made) => made.startsWith(`${call} ${prefix}`)).length;
  }

  /** Lets no sync end until `release`. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** Ends the syncs that are held: well, or with `error`. */
  release(error?: DiskError): void {
    this.#held = undefined;
    this.#release(error);
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const length of this.#lengths.values()) bytes += length;
    return bytes;
  }

  list(): Promise<readonly string[]> {
    return this.#inner.list();
  }

  async open(name: string, mode: 'existing' | 'create'): Promise<DiskFile> {
    if (mode === 'create') this.#called('create', name);
    const file = await this.#inner.open(name, mode);
    this.#lengths.set(name, await file.size());
    const named = { name };
    this.#named.set(name, named);
    return this.#watch(named, file);
  }

  async remove(name: string): Promise<void> {
    this.#called('remove', name);
    await this.#inner.remove(name);
    this.#lengths.delete(name);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#called('rename', from);
    await this.#inner.rename(from, to);
    this.#lengths.set(to, this.#lengths.get(from) ?? 0);
    this.#lengths.delete(from);
    const named = this.#named.get(from);
    if (named !== undefined) this.#named.set(to, Object.assign(named, { name: to }));
  }

  isLinked(name: string): Promise<boolean> {
    return this.#inner.isLinked(name);
  }

  async syncDirectory(): Promise<void> {
    this.#called('syncDirectory', '');
    await this.#inner.syncDirectory();
  }

  lock(): Promise<DiskLock> {
    return this.#inner.lock();
  }

  #called(call: WatchedCall, name: string): void {
    this.calls.push(`${call} ${name}`);
    const error = this.fails(call, name);
    if (error !== undefined) throw error;
  }

  #watch(named: { readonly name: string }, file: DiskFile): DiskFile {
    return {
      read: async (target, offset) => {
        this.#called('read', named.name);
        return file.read(target, offset);
      },
      write: (parts, offset) =>
        this.#exclusive(named.name, () => this.#write(named.name, file, parts, offset)),
      sync: () =>
        this.#exclusive(named.name, async () => {
          this.#called('sync', named.name);
          const error = await (this.holdsEach
            ? new Promise<DiskError | undefined>((resolve) => this.held.push(resolve))
            : this.#held);
          if (error !== undefined) throw error;
          await file.sync();
        }),
      truncate: async (length) => {
        this.#called('truncate', named.name);
        await file.truncate(length);
        this.#lengths.set(named.name, length);
      },
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  async #write(name: string, file: DiskFile, parts: readonly Uint8Array[], offset: number): Promise<void> {
    this.#called('write', name);
    const bytes = Buffer.concat(parts);
    const grownBytes = Math.max(0, offset + bytes.length - (this.#lengths.get(name) ?? 0));
    const room = Math.max(0, this.roomBytes - this.usedBytes);
    const writable = grownBytes <= room ? bytes.length : bytes.length - (grownBytes - room);
    await file.write([bytes.subarray(0, writable)], offset);
    this.#lengths.set(name, Math.max(this.#lengths.get(name) ?? 0, offset + writable));
    if (writable < bytes.length) throw new DiskError('full', `no room for ${name}`);
  }

  async #exclusive(name: string, work: () => Promise<void>): Promise<void> {
    if (!name.startsWith('journal')) return work();
    this.#inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.#inFlight);
    try {
      await work();
    } finally {
      this.#inFlight--;
    }
  }
}
