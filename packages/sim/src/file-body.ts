/**
 * A file of the simulated disk, without its name: what processes see of it, what is durable, and what a crash makes of
 * the difference.
 *
 *      seen (page cache) = durable + changes, except for what a failed sync has dropped
 *
 * A *change* is a write or a truncation that no sync has covered. All choices are the `random`'s.
 */
import type { Random } from '@millrace/base';

/** How a power failure treats what no sync has covered; one is picked at each. */
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

const capacityFirst = 4096;
const sectorBytes = 512;
const pageBytes = 4096;

/** Bytes that grow; new ones are zero. */
class Content {
  bytes: Uint8Array;
  length: number;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
    this.length = bytes.length;
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

  apply(change: Change): void {
    if (change.bytes === undefined) this.resize(change.offset);
    else this.write(change.offset, change.bytes);
  }

  #grow(end: number): void {
    if (end <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(end, this.bytes.length * 2, capacityFirst));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}

/** A write of `bytes` at `offset`, or, without bytes, a truncation to `offset`. */
interface Change {
  readonly order: number;
  readonly offset: number;
  readonly bytes: Uint8Array | undefined;
  /** Whoever wrote it knew, when asking for it, that all before this was durable. */
  readonly provenTo: number;
}

/** A write that a process has asked for, and does not know to be durable. */
export interface AskedWrite {
  /** Through which of its handles. */
  readonly handle: object;
  readonly offset: number;
  readonly provenTo: number;
  answered: boolean;
}

/** A durable write, and what it proves. */
interface Proof {
  readonly end: number;
  readonly provenTo: number;
}

export class FileBody {
  readonly id: number;
  #seen = new Content();
  #durable = new Content();
  #changes: Change[] = [];
  /** Whether a failed sync has dropped changes, so that processes see what no later sync will keep. */
  #diverged = false;
  #proofs: Proof[] = [];
  #asked = new Set<AskedWrite>();
  /** Whether this process has synced the file: what an earlier one left, it knows nothing of. */
  #known = false;
  /** Syncs that failed: each handle that was open then is told once. */
  failures = 0;
  /** The bytes that were damaged last, and those of them that were written since: a file may be written over another. */
  #replaced = { offset: 0, end: 0 };
  readonly #rewritten = new Set<number>();
  /** How many hold it open. */
  handles = 0;
  /** Whether it was given a second name, in another directory. */
  shared = false;
  /** Whether it has a name. */
  linked = true;
  /** One byte a block of the disk: whether it takes space. */
  blocks = new Uint8Array(16);

  constructor(id: number) {
    this.id = id;
  }

  get length(): number {
    return this.#seen.length;
  }

  /** What processes see; the bytes behind `length` are zeros. */
  get bytes(): Uint8Array {
    return this.#seen.bytes;
  }

  /** The orders of the changes that no sync has covered. */
  orders(): number[] {
    return this.#changes.map((change) => change.order);
  }

  /**
   * Bytes before this were durable before a write began that is durable too: whoever reads both can tell damage to
   * the first from a torn tail. 0 while any of the file is not durable.
   */
  get provenEnd(): number {
    if (this.#changes.length > 0 || this.#diverged) return 0;
    const provenTo = this.#proofs.reduce((most, proof) => Math.max(most, proof.provenTo), 0);
    return Math.min(provenTo, this.#durable.length);
  }

  /** The length of the file when all of it is durable, else 0. */
  get durableEnd(): number {
    return this.#changes.length > 0 || this.#diverged ? 0 : this.#durable.length;
  }

  /** A file with all that is durable of this one. */
  durableCopy(id: number): FileBody {
    const copy = new FileBody(id);
    copy.#durable = this.#durable.copy();
    copy.#seen = this.#durable.copy();
    return copy;
  }

  /** A process asks for a write: what it then knows to be durable is what the write can prove. */
  ask(handle: object, offset: number): AskedWrite {
    let provenTo = this.#known ? offset : 0;
    for (const other of this.#asked) provenTo = Math.min(provenTo, other.offset);
    const asked = { handle, offset, provenTo, answered: false };
    this.#asked.add(asked);
    return asked;
  }

  /** The writes that a sync through `handle`, asked for now, will make known to be durable. */
  askedThrough(handle: object): readonly AskedWrite[] {
    return [...this.#asked].filter((asked) => asked.handle === handle && asked.answered);
  }

  /** The process was told of a sync that covered `asked`. */
  told(asked: readonly AskedWrite[]): void {
    for (const write of asked) this.#asked.delete(write);
  }

  write(order: number, asked: AskedWrite, bytes: Uint8Array): void {
    const { offset, provenTo } = asked;
    this.#seen.write(offset, bytes);
    const end = Math.min(offset + bytes.length, this.#replaced.end);
    for (let at = Math.max(offset, this.#replaced.offset); at < end; at++) this.#rewritten.add(at);
    // A copy: a buffer's `slice` is none, and whoever wrote may use its memory again before the sync.
    this.#changes.push({ order, offset, bytes: new Uint8Array(bytes), provenTo });
  }

  truncate(order: number, length: number): void {
    this.#seen.resize(length);
    this.#changes.push({ order, offset: length, bytes: undefined, provenTo: 0 });
    for (const asked of this.#asked) if (asked.offset >= length) this.#asked.delete(asked);
  }

  /** Makes the changes up to `order` durable. */
  sync(order: number): void {
    this.#known = true;
    const later: Change[] = [];
    for (const change of this.#changes) {
      if (change.order > order) {
        later.push(change);
        continue;
      }
      this.#durable.apply(change);
      // What is cut off proves nothing, nor does what is left of an older file behind what is written over it.
      this.#proofs = this.#proofs.filter((proof) => proof.end <= change.offset);
      if (change.bytes === undefined) continue;
      this.#proofs.push({ end: change.offset + change.bytes.length, provenTo: change.provenTo });
    }
    this.#changes = later;
  }

  /** A sync that failed: each change is durable, dropped for good though still seen, or as uncovered as before. */
  failSync(random: Random): void {
    const later: Change[] = [];
    for (const change of this.#changes) {
      const fate = random.integer(3);
      if (fate === 0) this.#durable.apply(change);
      else if (fate === 1) this.#diverged = true;
      else later.push(change);
    }
    this.#changes = later;
    this.#known = false;
    this.failures++;
  }

  /** The process that had it open is gone. */
  endProcess(): void {
    this.handles = 0;
    this.#known = false;
    this.#asked.clear();
  }

  /**
   * The power is gone: the file is what was durable and what `fate` leaves of the rest. `cut` is the place in the order
   * of changes that some fates need; `stale` is what a block that was never written may show.
   */
  losePower(fate: CrashFate, cut: number, stale: Uint8Array, random: Random): void {
    this.endProcess();
    if (this.#changes.length === 0 && !this.#diverged) return;
    const left = this.#durable;
    const durableLength = left.length;
    const keeps = random.fraction();
    let truncated = false;
    for (const change of this.#changes) {
      truncated ||= change.bytes === undefined;
      for (const piece of survivors(change, fate, cut, keeps, random)) left.apply(piece);
    }
    if (!truncated && fate !== 'kept' && fate !== 'lost') {
      settleLength(left, durableLength, this.#seen.length, stale, random);
    }
    this.#seen = left;
    this.#durable = left.copy();
    this.#changes = [];
    this.#diverged = false;
  }

  /** Puts `bytes` at `offset`, seen and durable, where what stands there is `instead` or that is not asked. */
  replace(offset: number, bytes: Uint8Array, instead?: Uint8Array): void {
    if (instead === undefined) this.#rewritten.clear();
    for (const content of [this.#durable, this.#seen]) {
      for (let i = 0; i < bytes.length; i++) {
        const at = offset + i;
        if (at >= content.length || (instead !== undefined && content.bytes[at] !== instead[i])) continue;
        if (instead === undefined || !this.#rewritten.has(at)) content.bytes[at] = bytes[i] ?? 0;
      }
    }
    this.#replaced = { offset, end: offset + bytes.length };
  }
}

/** An uncovered length may be any that the file has grown through, with stale bytes where no data came. */
function settleLength(
  left: Content,
  durableLength: number,
  seenLength: number,
  stale: Uint8Array,
  random: Random,
): void {
  if (seenLength <= durableLength) return;
  const choice = random.integer(4);
  if (choice === 0) {
    left.resize(durableLength + random.integer(seenLength - durableLength + 1));
    return;
  }
  if (choice !== 1 || left.length >= seenLength) return;
  const from = left.length;
  left.resize(seenLength);
  const kind = random.integer(3);
  if (kind === 1) left.bytes.set(random.bytes(seenLength - from), from);
  if (kind === 2) left.bytes.set(stale.subarray(from, seenLength), from);
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
      return pieces(change, sectorBytes, keeps, random);
    case 'pages':
      return pieces(change, pageBytes, keeps, random);
  }
}

function torn(change: Change, random: Random): Change {
  if (change.bytes === undefined) return change;
  return { ...change, bytes: change.bytes.subarray(0, random.integer(change.bytes.length + 1)) };
}

/** The pieces of a change, cut at multiples of `pieceBytes`, that are kept. */
function pieces(change: Change, pieceBytes: number, keeps: number, random: Random): Change[] {
  const { bytes, offset, order } = change;
  if (bytes === undefined) return random.fraction() < keeps ? [change] : [];
  const kept: Change[] = [];
  for (let start = offset; start < offset + bytes.length; ) {
    const end = Math.min(offset + bytes.length, (Math.floor(start / pieceBytes) + 1) * pieceBytes);
    if (random.fraction() < keeps) {
      const piece = bytes.subarray(start - offset, end - offset);
      kept.push({ order, offset: start, bytes: piece, provenTo: change.provenTo });
    }
    start = end;
  }
  return kept;
}
