/**
 * The simulated disk itself, which outlives the processes: its names, its files (`file-body.ts`), its space.
 *
 *      seen entries = durable entries + changes: creates, renames, removes that no `syncEntries` has covered
 *
 * All choices are the `random`'s.
 */
import { assert, pick, type Random } from '@millrace/base';
import { type AskedWrite, type CrashFate, FileBody } from './file-body.js';

/** Space is given out in blocks of this size. */
export const blockBytes = 4096;
/** The files of the native engine that never change, and are named by others only when all of them is synced. */
const wholeNames = /^(manifest|chunk-\d+)$/;
/** Damage is one bit, or so many bytes. */
const damageBytes = 512;

type EntryChange =
  | { readonly order: number; readonly kind: 'set'; readonly name: string; readonly body: FileBody }
  | { readonly order: number; readonly kind: 'remove'; readonly name: string }
  | { readonly order: number; readonly kind: 'rename'; readonly name: string; readonly to: string };

/** What `damage` did: enough to check that the engine names it, and to take it back. */
export interface Damage {
  readonly name: string;
  readonly body: FileBody;
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export class DiskImage {
  /** Is shown every write as it is begun, whatever becomes of it. */
  watch: ((name: string, bytes: Uint8Array) => void) | undefined;
  #entries = new Map<string, FileBody>();
  #durableEntries = new Map<string, FileBody>();
  #entryChanges: EntryChange[] = [];
  #order = 0;
  #files = 0;
  #usedBlocks = 0;
  /** What the last removed file held: stale bytes that an unwritten block may show after a crash. */
  #stale: Uint8Array = new Uint8Array(0);
  capacityBlocks = Number.POSITIVE_INFINITY;
  locked = false;

  get usedBlocks(): number {
    return this.#usedBlocks;
  }

  get usedBytes(): number {
    return this.#usedBlocks * blockBytes;
  }

  get freeBlocks(): number {
    return Math.max(0, this.capacityBlocks - this.#usedBlocks);
  }

  /** The newest change there is: a sync covers what came up to here when it was asked for. */
  get order(): number {
    return this.#order;
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }

  find(name: string): FileBody | undefined {
    return this.#entries.get(name);
  }

  create(name: string): FileBody {
    assert(!this.#entries.has(name), `${name} exists`);
    const body = new FileBody(++this.#files);
    this.#entries.set(name, body);
    this.#entryChanges.push({ order: ++this.#order, kind: 'set', name, body });
    return body;
  }

  /**
   * Gives a file of another image a name here too, as a hard link between two directories of one machine would: one that
   * never changes again, so that a copy of it stands for it.
   */
  link(name: string, body: FileBody): void {
    assert(!this.#entries.has(name), `${name} exists`);
    body.shared = true;
    const same = body.durableCopy(++this.#files);
    this.#entries.set(name, same);
    this.#entryChanges.push({ order: ++this.#order, kind: 'set', name, body: same });
  }

  remove(name: string): void {
    const body = this.#entries.get(name);
    assert(body !== undefined, `${name} is missing`);
    this.#entries.delete(name);
    this.#entryChanges.push({ order: ++this.#order, kind: 'remove', name });
    this.#unlink(body);
  }

  rename(name: string, to: string): void {
    const body = this.#entries.get(name);
    assert(body !== undefined, `${name} is missing`);
    const replaced = this.#entries.get(to);
    this.#entries.delete(name);
    this.#entries.set(to, body);
    this.#entryChanges.push({ order: ++this.#order, kind: 'rename', name, to });
    if (replaced !== undefined && replaced !== body) this.#unlink(replaced);
  }

  /** Makes the directory's changes up to `order` durable. */
  syncEntries(order: number): void {
    const later: EntryChange[] = [];
    for (const change of this.#entryChanges) {
      if (change.order <= order) applyEntry(this.#durableEntries, change);
      else later.push(change);
    }
    this.#entryChanges = later;
  }

  /** Lets go of a handle; a removed file's space comes back with its last one. */
  release(body: FileBody): void {
    body.handles--;
    if (!body.linked && body.handles === 0) this.#free(body);
  }

  /** Writes as much of `bytes` as there is room for; answers how much that was. */
  write(body: FileBody, asked: AskedWrite, bytes: Uint8Array): number {
    const room = this.#allocate(body, asked.offset, bytes.length);
    if (room > 0) body.write(++this.#order, asked, bytes.subarray(0, room));
    return room;
  }

  truncate(body: FileBody, length: number): void {
    body.truncate(++this.#order, length);
    for (let block = Math.ceil(length / blockBytes); block < body.blocks.length; block++) {
      if (body.blocks[block] === 1) this.#usedBlocks--;
      body.blocks[block] = 0;
    }
  }

  /** The process is gone, the machine is not: everything written stays, nothing more is durable than was. */
  endProcess(): void {
    this.locked = false;
    for (const body of this.#entries.values()) body.endProcess();
    this.#recount();
  }

  /** The power is gone: the disk is what was durable plus whatever `fate` leaves of the rest. */
  losePower(fate: CrashFate, random: Random): void {
    this.locked = false;
    this.#crashEntries(fate, random);
    const cut = fate === 'prefix' || fate === 'suffix' ? this.#cut(random) : 0;
    for (const body of this.#entries.values()) {
      body.linked = true;
      body.losePower(fate, cut, this.#stale, random);
    }
    this.#recount();
  }

  /**
   * Changes some bytes that were durable well before the crash that may have been: where a write that came later is
   * durable too, so that nobody can take them for a torn tail; or anywhere in a file that has its name only once it is
   * durable as a whole. Undefined when there is no such place.
   */
  damage(random: Random): Damage | undefined {
    const candidates = [...this.#entries]
      .map(([name, body]) => ({ name, body, end: wholeNames.test(name) ? body.durableEnd : body.provenEnd }))
      .filter(({ end }) => end > 0);
    if (candidates.length === 0) return undefined;
    const { name, body, end } = pick(random, candidates);
    const offset = random.integer(end);
    const whole = random.integer(4) === 0;
    const before = body.bytes.slice(offset, whole ? Math.min(offset + damageBytes, end) : offset + 1);
    const after = before.slice();
    if (whole) after.fill(random.integer(2) === 0 ? 0 : 0xa5);
    else after[0] = (before[0] ?? 0) ^ (1 << random.integer(8));
    if (after.every((byte, i) => byte === before[i])) return undefined;
    body.replace(offset, after);
    return { name, body, offset, before, after };
  }

  /** Takes `damage` back, wherever its bytes still stand. */
  repair(damage: Damage): void {
    damage.body.replace(damage.offset, damage.before, damage.after);
  }

  #unlink(body: FileBody): void {
    body.linked = false;
    this.#stale = body.bytes;
    if (body.handles === 0) this.#free(body);
  }

  #free(body: FileBody): void {
    for (const taken of body.blocks) this.#usedBlocks -= taken;
    body.blocks.fill(0);
  }

  /** Takes the blocks that `length` bytes at `offset` need; answers for how many bytes there was room. */
  #allocate(body: FileBody, offset: number, length: number): number {
    const first = Math.floor(offset / blockBytes);
    const last = Math.floor((offset + length - 1) / blockBytes);
    if (last >= body.blocks.length) {
      const larger = new Uint8Array(Math.max(last + 1, body.blocks.length * 2));
      larger.set(body.blocks);
      body.blocks = larger;
    }
    for (let block = first; block <= last; block++) {
      if (body.blocks[block] === 1) continue;
      if (this.#usedBlocks >= this.capacityBlocks) return Math.max(0, block * blockBytes - offset);
      body.blocks[block] = 1;
      this.#usedBlocks++;
    }
    return length;
  }

  #recount(): void {
    this.#usedBlocks = 0;
    for (const body of this.#entries.values()) {
      const blocks = Math.ceil(body.length / blockBytes);
      if (blocks > body.blocks.length) body.blocks = new Uint8Array(blocks);
      body.blocks.fill(0);
      body.blocks.fill(1, 0, blocks);
      this.#usedBlocks += blocks;
    }
  }

  /** Any subset of the directory's changes in which each comes with those before it that touch its names. */
  #crashEntries(fate: CrashFate, random: Random): void {
    const keeps = random.fraction();
    const lostNames = new Set<string>();
    const entries = new Map(this.#durableEntries);
    for (const change of this.#entryChanges) {
      const names = change.kind === 'rename' ? [change.name, change.to] : [change.name];
      const possible = !names.some((name) => lostNames.has(name));
      const kept = fate === 'kept' || (fate !== 'lost' && random.fraction() < keeps);
      if (possible && kept) applyEntry(entries, change);
      else for (const name of names) lostNames.add(name);
    }
    this.#entries = entries;
    this.#durableEntries = new Map(entries);
    this.#entryChanges = [];
  }

  /** A place in the order of all changes, for the fates that keep what is before or after one. */
  #cut(random: Random): number {
    const orders = [...this.#entries.values()].flatMap((body) => body.orders());
    return orders.length === 0 ? 0 : pick(random, orders);
  }
}

function applyEntry(entries: Map<string, FileBody>, change: EntryChange): void {
  if (change.kind === 'set') entries.set(change.name, change.body);
  else if (change.kind === 'remove') entries.delete(change.name);
  else {
    const body = entries.get(change.name);
    assert(body !== undefined, `a rename of ${change.name} came before its creation`);
    entries.delete(change.name);
    entries.set(change.to, body);
  }
}
