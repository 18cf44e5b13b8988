/**
 * The bytes of a simulated disk: what processes see, what is durable, and what a crash makes of the difference.
 *
 *      file      │ seen   (page cache)  │ durable │ changes: writes and truncations that no sync has covered
 *      directory │ seen entries         │ durable │ changes: creates, renames, removes that no sync has covered
 *
 * Invariant: seen = durable + changes, except for what a failed sync has dropped (fault 7 in `simulated-disk.ts`).
 * All choices are the `random`'s.
 */
import { assert, pick, type Random } from '@millrace/base';

/** Space is given out in blocks of this size. */
export const blockBytes = 4096;

/** Bytes that grow; new ones are zero. */
class Content {
  bytes: Uint8Array;
  length: number;

  constructor(bytes: Uint8Array = new Uint8Array(0), length = bytes.length) {
    this.bytes = bytes;
    this.length = length;
  }

  copy(): Content {
    return new Content(this.bytes.slice(0, this.length));
  }

  write(offset: number, source: Uint8Array): void {
    const end = offset + source.length;
    this.#grow(end);
    this.bytes.set(source, offset);
    if (end > this.length) this.length = end;
  }

  resize(length: number): void {
    if (length < this.length) this.bytes.fill(0, length, this.length);
    else this.#grow(length);
    this.length = length;
  }

  #grow(end: number): void {
    if (end <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(end, this.bytes.length * 2, blockBytes));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

/** A write of `bytes` at `offset`, or, without bytes, a truncation to `offset`. */
interface Change {
  readonly order: number;
  readonly offset: number;
  readonly bytes: Uint8Array | undefined;
}

/** A file without its name. */
export interface FileBody {
  readonly id: number;
  seen: Content;
  durable: Content;
  changes: Change[];
  /** Whether a failed sync has dropped changes, so that `seen` shows what no later sync will keep. */
  diverged: boolean;
  /**
   * Bytes before this were durable before a write began that is durable too: whoever reads both can tell damage to
   * the first from a torn tail.
   */
  coveredEnd: number;
  /** Where the writes of the last sync began; 0 since the last crash. */
  lastSyncStart: number;
  /** One byte a block: whether it takes space. */
  blocks: Uint8Array;
  handles: number;
  linked: boolean;
}

type EntryChange =
  | { readonly order: number; readonly kind: 'set'; readonly name: string; readonly body: FileBody }
  | { readonly order: number; readonly kind: 'remove'; readonly name: string }
  | { readonly order: number; readonly kind: 'rename'; readonly name: string; readonly to: string };

/** How a power failure treats what no sync has covered; one is picked at each crash. */
export const crashFates = [
  /** Nothing survives. */
  'lost',
  /** Everything survives. */
  'kept',
  /** The oldest changes survive; the last of them is torn at any byte. */
  'prefix',
  /** The newest changes survive: the reordering that hurts most. */
  'suffix',
  /** Every sector of 512 bytes decides for itself. */
  'sectors',
  /** Every page of 4096 bytes decides for itself. */
  'pages',
  /** Every change decides for itself whether it is kept, lost, or torn at any byte. */
  'changes',
] as const;
export type CrashFate = (typeof crashFates)[number];

/** What `damage` did: enough to check that the engine names it, and to take it back. */
export interface Damage {
  readonly name: string;
  readonly body: FileBody;
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export class DiskImage {
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
    const body: FileBody = {
      id: ++this.#files,
      seen: new Content(),
      durable: new Content(),
      changes: [],
      diverged: false,
      coveredEnd: 0,
      lastSyncStart: 0,
      blocks: new Uint8Array(16),
      handles: 0,
      linked: true,
    };
    this.#entries.set(name, body);
    this.#entryChanges.push({ order: ++this.#order, kind: 'set', name, body });
    return body;
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
  write(body: FileBody, offset: number, bytes: Uint8Array): number {
    const room = this.#allocate(body, offset, bytes.length);
    const written = room === bytes.length ? bytes : bytes.subarray(0, room);
    if (written.length > 0) {
      body.seen.write(offset, written);
      body.changes.push({ order: ++this.#order, offset, bytes: written.slice() });
    }
    return written.length;
  }

  truncate(body: FileBody, length: number): void {
    body.seen.resize(length);
    body.changes.push({ order: ++this.#order, offset: length, bytes: undefined });
    const first = Math.ceil(length / blockBytes);
    for (let block = first; block < body.blocks.length; block++) {
      if (body.blocks[block] === 1) {
        body.blocks[block] = 0;
        this.#usedBlocks--;
      }
    }
  }

  /** Makes the file's changes up to `order` durable. */
  sync(body: FileBody, order: number): void {
    const later: Change[] = [];
    let first = Number.POSITIVE_INFINITY;
    for (const change of body.changes) {
      if (change.order > order) later.push(change);
      else {
        applyChange(body.durable, change);
        if (change.bytes !== undefined) {
          first = Math.min(first, change.offset);
          continue;
        }
        // What is cut off proves nothing.
        body.coveredEnd = Math.min(body.coveredEnd, change.offset);
        if (body.lastSyncStart >= change.offset) body.lastSyncStart = 0;
        if (first >= change.offset) first = Number.POSITIVE_INFINITY;
      }
    }
    body.changes = later;
    if (first === Number.POSITIVE_INFINITY) return;
    const covered = Math.min(body.lastSyncStart, first);
    body.coveredEnd = first < body.coveredEnd ? covered : Math.max(body.coveredEnd, covered);
    body.lastSyncStart = first;
  }

  /** A sync that failed: each change is durable, dropped for good though still seen, or as unsynced as before. */
  failSync(body: FileBody, random: Random): void {
    const later: Change[] = [];
    for (const change of body.changes) {
      const fate = random.integer(3);
      if (fate === 0) applyChange(body.durable, change);
      else if (fate === 1) body.diverged = true;
      else later.push(change);
    }
    body.changes = later;
    body.lastSyncStart = 0;
  }

  /** The process is gone, the machine is not: everything written stays, nothing more is durable than was. */
  endProcess(): void {
    this.locked = false;
    for (const body of this.#entries.values()) {
      body.handles = 0;
      body.lastSyncStart = 0;
    }
    this.#recount();
  }

  /** The power is gone: the disk is what was durable plus whatever `fate` leaves of the rest. */
  losePower(fate: CrashFate, random: Random): void {
    this.locked = false;
    this.#crashEntries(fate, random);
    const cut = fate === 'prefix' || fate === 'suffix' ? this.#cutOrder(random) : 0;
    for (const body of this.#entries.values()) {
      body.handles = 0;
      body.linked = true;
      body.lastSyncStart = 0;
      if (body.changes.length > 0 || body.diverged) this.#crashFile(body, fate, cut, random);
    }
    this.#recount();
  }

  /**
   * Changes some bytes that were durable well before the crash that may have been: where a write that came later is
   * durable too, so that nobody can take them for a torn tail. Undefined when there is no such place.
   */
  damage(random: Random): Damage | undefined {
    const candidates = [...this.#entries].filter(
      ([, body]) => body.coveredEnd > 0 && body.changes.length === 0 && !body.diverged,
    );
    if (candidates.length === 0) return undefined;
    const [name, body] = pick(random, candidates);
    const end = Math.min(body.coveredEnd, body.durable.length);
    if (end === 0) return undefined;
    const offset = random.integer(end);
    const whole = random.integer(4) === 0;
    const length = whole ? Math.min(512, end - offset) : 1;
    const before = body.durable.bytes.slice(offset, offset + length);
    const after = before.slice();
    if (whole) after.fill(random.integer(2) === 0 ? 0 : 0xa5);
    else after[0] = (before[0] ?? 0) ^ (1 << random.integer(8));
    if (after.every((byte, i) => byte === before[i])) return undefined;
    body.durable.bytes.set(after, offset);
    body.seen.bytes.set(after, offset);
    return { name, body, offset, before, after };
  }

  /** Takes `damage` back, wherever its bytes still stand. */
  repair(damage: Damage): void {
    const { body, offset, before, after } = damage;
    for (const content of [body.durable, body.seen]) {
      for (let i = 0; i < after.length; i++) {
        const at = offset + i;
        if (at < content.length && content.bytes[at] === after[i]) content.bytes[at] = before[i] ?? 0;
      }
    }
  }

  #unlink(body: FileBody): void {
    body.linked = false;
    this.#stale = body.seen.bytes;
    if (body.handles === 0) this.#free(body);
  }

  #free(body: FileBody): void {
    for (let block = 0; block < body.blocks.length; block++) {
      if (body.blocks[block] === 1) this.#usedBlocks--;
    }
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
      const blocks = Math.ceil(body.seen.length / blockBytes);
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
  #cutOrder(random: Random): number {
    const orders: number[] = [];
    for (const body of this.#entries.values()) for (const change of body.changes) orders.push(change.order);
    if (orders.length === 0) return 0;
    orders.sort((a, b) => a - b);
    return pick(random, orders);
  }

  #crashFile(body: FileBody, fate: CrashFate, cut: number, random: Random): void {
    const left = body.durable;
    const durableLength = left.length;
    const keeps = random.fraction();
    let truncated = false;
    for (const change of body.changes) {
      truncated ||= change.bytes === undefined;
      for (const piece of survivors(change, fate, cut, keeps, random)) applyChange(left, piece);
    }
    if (!truncated && fate !== 'kept' && fate !== 'lost') {
      this.#crashLength(left, durableLength, body.seen.length, random);
    }
    body.seen = left;
    body.durable = left.copy();
    body.changes = [];
    body.diverged = false;
  }

  /** An unsynced length may be any that the file has grown through, with stale bytes where no data came. */
  #crashLength(left: Content, durableLength: number, seenLength: number, random: Random): void {
    if (seenLength <= durableLength) return;
    const choice = random.integer(4);
    if (choice === 0) {
      left.resize(durableLength + random.integer(seenLength - durableLength + 1));
      return;
    }
    if (choice !== 1 || left.length >= seenLength) return;
    const from = left.length;
    left.resize(seenLength);
    const stale = random.integer(3);
    if (stale === 1) left.bytes.set(random.bytes(seenLength - from), from);
    if (stale === 2) left.bytes.set(this.#stale.subarray(from, seenLength), from);
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

function applyChange(content: Content, change: Change): void {
  if (change.bytes === undefined) content.resize(change.offset);
  else content.write(change.offset, change.bytes);
}

/** What `fate` leaves of one change. */
function survivors(
  change: Change,
  fate: CrashFate,
  cut: number,
  keeps: number,
  random: Random,
): readonly Change[] {
  switch (fate) {
    case 'lost':
      return [];
    case 'kept':
      return [change];
    case 'prefix':
      if (change.order !== cut) return change.order < cut ? [change] : [];
      return [torn(change, random)];
    case 'suffix':
      return change.order > cut ? [change] : [];
    case 'changes':
      if (random.fraction() < 0.2) return [torn(change, random)];
      return random.fraction() < keeps ? [change] : [];
    case 'sectors':
      return sectorsOf(change, 512, keeps, random);
    case 'pages':
      return sectorsOf(change, 4096, keeps, random);
  }
}

function torn(change: Change, random: Random): Change {
  if (change.bytes === undefined) return change;
  return { ...change, bytes: change.bytes.subarray(0, random.integer(change.bytes.length + 1)) };
}

function sectorsOf(change: Change, sectorBytes: number, keeps: number, random: Random): Change[] {
  const { bytes, offset, order } = change;
  if (bytes === undefined) return random.fraction() < keeps ? [change] : [];
  const kept: Change[] = [];
  for (let start = offset; start < offset + bytes.length; ) {
    const end = Math.min(offset + bytes.length, (Math.floor(start / sectorBytes) + 1) * sectorBytes);
    if (random.fraction() < keeps) {
      kept.push({ order, offset: start, bytes: bytes.subarray(start - offset, end - offset) });
    }
    start = end;
  }
  return kept;
}
