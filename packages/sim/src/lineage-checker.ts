/**
 * Streams and their shards, as the catalog shows them over time.
 *
 * Checked: a stream is there from when its creation was answered, or seen, until its deletion was asked for, and never
 * again after it is gone; open shards cover the ring exactly; a shard never changes, but that it closes, once, at one
 * end, behind all of its records; children cover exactly what their parents covered, and come after them; a shard leaves
 * only when its retention has passed; a view never goes back, not over a crash either.
 */
import { present } from '@millrace/base';
import { hashKeyMax } from '@millrace/wire';
import {
  type ModelShard,
  type ModelStream,
  nameOf,
  type ShardSeen,
  type StreamSeen,
} from './streams-model.js';
import { check } from './violation.js';

/** A child's sequence numbers begin a second or more after its parents'. */
const childDelayMs = 1000;
const hourMs = 3_600_000;

export class LineageChecker {
  readonly #streams = new Map<number, ModelStream>();
  readonly #creates = new Map<string, number>();
  /** The newest instant that any life's clock has shown. */
  #newestMs = 0;
  readonly counts = { streamsMade: 0, streamsDeleted: 0, reshards: 0 };

  get newestMs(): number {
    return this.#newestMs;
  }

  /** The newest instant that any life's clock has shown is `newestMs`. */
  sawTime(newestMs: number): void {
    this.#newestMs = newestMs;
  }

  all(): Iterable<ModelStream> {
    return this.#streams.values();
  }

  stream(incarnation: number): ModelStream {
    return present(this.#streams.get(incarnation), `the model of stream ${incarnation}`);
  }

  shard(stream: ModelStream, index: number): ModelShard {
    const shard = stream.shards.get(index);
    check(shard !== undefined, () => `${nameOf(stream)} has no shard ${index}`);
    return shard;
  }

  /** What arrived before this instant may be gone. */
  horizonMs(stream: ModelStream): number {
    return Math.max(stream.seen.goneBeforeMs, this.#newestMs - stream.seen.retentionHours * hourMs);
  }

  /** Whether `ancestor` was closed for `of`, or for a parent of it. */
  isAncestor(stream: ModelStream, ancestor: number, of: number): boolean {
    const parents = stream.shards.get(of)?.seen.parents ?? [];
    return parents.some(
      (parent) => parent === ancestor || (parent > ancestor && this.isAncestor(stream, ancestor, parent)),
    );
  }

  /** A restart has read all commands that there are: those that are not there never will be. */
  restarted(): void {
    for (const name of this.#creates.keys()) this.#creates.set(name, 0);
    for (const stream of this.#streams.values()) {
      stream.asked.clear();
      const deleting = stream.gone || stream.seen.status === 'DELETING';
      if (stream.deleted === 'maybe' && !deleting) stream.deleted = 'no';
    }
  }

  creating(name: string): void {
    this.#creates.set(name, (this.#creates.get(name) ?? 0) + 1);
  }

  deleting(incarnation: number): void {
    const stream = this.stream(incarnation);
    if (stream.deleted === 'no') stream.deleted = 'maybe';
  }

  deleted(incarnation: number): void {
    this.stream(incarnation).deleted = 'yes';
  }

  resharding(incarnation: number, parents: readonly number[]): void {
    this.stream(incarnation).asked.add(parentsName(parents));
  }

  resharded(incarnation: number, parents: readonly number[]): void {
    const stream = this.stream(incarnation);
    stream.answered.add(parentsName(parents));
    this.#answeredReshards(stream);
  }

  /** The stream is to have another number of shards: by which splits and merges, nobody says beforehand. */
  rescaling(incarnation: number): void {
    this.stream(incarnation).rescaled = true;
  }

  /** Whether a stream's readers and writers may be told that it is not there. */
  mayBeGone(incarnation: number): boolean {
    return this.stream(incarnation).deleted !== 'no';
  }

  /** Whether a shard may be out of sight because its retention has passed. */
  mayBeExpired(incarnation: number, shard: number): boolean {
    const stream = this.stream(incarnation);
    const { closed } = this.shard(stream, shard).seen;
    return closed !== undefined && closed.atMs <= this.horizonMs(stream);
  }

  /** Takes in a view of the catalog: everything in it, and nothing else, is so. */
  observe(streams: Iterable<StreamSeen>): void {
    const there = new Set<number>();
    for (const seen of streams) {
      there.add(seen.incarnation);
      const known = this.#streams.get(seen.incarnation);
      if (known === undefined) this.#appeared(seen);
      else if (known.seen !== seen) this.#changed(known, seen);
    }
    for (const stream of this.#streams.values()) {
      if (stream.gone || there.has(stream.incarnation)) continue;
      check(stream.deleted !== 'no', () => `${nameOf(stream)} is gone, and nobody deleted it`);
      stream.gone = true;
      stream.deleted = 'yes';
      this.counts.streamsDeleted++;
      stream.byKey.clear();
      stream.byNumber.clear();
      stream.shards.clear();
    }
  }

  #appeared(seen: StreamSeen): void {
    const left = this.#creates.get(seen.name) ?? 0;
    check(left > 0, () => `the stream ${seen.name} is there, and nobody made it`);
    for (const other of this.#streams.values()) {
      const both = !other.gone && other.name === seen.name && other.deleted === 'no';
      check(!both, () => `there are two streams ${seen.name}`);
    }
    this.#creates.set(seen.name, left - 1);
    this.counts.streamsMade++;
    const stream: ModelStream = {
      name: seen.name,
      incarnation: seen.incarnation,
      deleted: 'no',
      gone: false,
      seen,
      shards: new Map(),
      asked: new Set(),
      answered: new Set(),
      rescaled: false,
      byNumber: new Map(),
      byKey: new Map(),
    };
    this.#streams.set(seen.incarnation, stream);
    this.#shards(stream, seen, true);
  }

  #changed(stream: ModelStream, seen: StreamSeen): void {
    check(!stream.gone, () => `${nameOf(stream)} is back`);
    const order = ['CREATING', 'ACTIVE', 'UPDATING', 'DELETING'];
    const [before, after] = [order.indexOf(stream.seen.status), order.indexOf(seen.status)];
    const back = before === 3 ? after !== 3 : before > 0 && after === 0;
    check(!back, () => `${nameOf(stream)} went from ${stream.seen.status} to ${seen.status}`);
    if (seen.status === 'DELETING') {
      check(stream.deleted !== 'no', () => `${nameOf(stream)} is being deleted, and nobody asked`);
    } else check(stream.deleted !== 'yes', () => `${nameOf(stream)} was deleted, and is ${seen.status}`);
    stream.seen = seen;
    this.#shards(stream, seen, false);
    this.#answeredReshards(stream);
  }

  #shards(stream: ModelStream, seen: StreamSeen, first: boolean): void {
    const there = new Set<number>();
    let newest = Math.max(-1, ...stream.shards.keys());
    const born: ShardSeen[] = [];
    for (const shard of seen.shards) {
      there.add(shard.index);
      const known = stream.shards.get(shard.index);
      if (known !== undefined) {
        this.#shardChanged(stream, known, shard);
        continue;
      }
      check(
        shard.index > newest,
        () => `${nameOf(stream)}: shard ${shard.index} is new, ${newest} was there`,
      );
      check(
        first === (shard.parents.length === 0),
        () => `${nameOf(stream)}: shard ${shard.index} has odd parents`,
      );
      newest = shard.index;
      stream.shards.set(shard.index, { seen: shard, forgotten: false, known: [] });
      if (!first) born.push(shard);
    }
    for (const [index, shard] of stream.shards) {
      if (there.has(index) || shard.forgotten) continue;
      check(this.mayBeExpired(stream.incarnation, index), () => `${nameOf(stream)}: shard ${index} is gone`);
      shard.forgotten = true;
    }
    this.#born(stream, born);
    this.#underWay(stream, seen);
    coverRing(stream, seen);
  }

  #shardChanged(stream: ModelStream, known: ModelShard, seen: ShardSeen): void {
    const before = known.seen;
    if (before === seen) return;
    const name = `${nameOf(stream)} shard ${seen.index}`;
    const same =
      before.createdMs === seen.createdMs &&
      before.range.start === seen.range.start &&
      before.range.end === seen.range.end &&
      before.parents.join() === seen.parents.join();
    check(same && !known.forgotten, () => `${name} has changed`);
    const { closed } = seen;
    if (before.closed !== undefined) {
      const still = closed?.endPosition === before.closed.endPosition && closed.atMs === before.closed.atMs;
      check(still, () => `${name}: closed at ${before.closed?.endPosition}, now ${closed?.endPosition}`);
    } else if (closed !== undefined) {
      const last = known.known.at(-1);
      check(
        (last?.position ?? -1) < closed.endPosition,
        () => `${name}: ends at ${closed.endPosition}, holds ${last?.position}`,
      );
    }
    known.seen = seen;
  }

  /** A reshard that shows is there for good, whether its author was answered or not. */
  #underWay(stream: ModelStream, seen: StreamSeen): void {
    if (seen.reshard === undefined || seen.status !== 'UPDATING') return;
    for (const { parents } of seen.reshard.steps) {
      const family = parentsName(parents);
      check(
        stream.rescaled || stream.asked.has(family) || stream.answered.has(family),
        () => `${nameOf(stream)}: nobody asked for the reshard of ${family}`,
      );
      stream.answered.add(family);
    }
  }

  /** The children of one split or merge: they cover what their parents covered. */
  #born(stream: ModelStream, born: readonly ShardSeen[]): void {
    const families = new Map<string, ShardSeen[]>();
    for (const child of born) {
      const family = parentsName(child.parents);
      families.set(family, [...(families.get(family) ?? []), child]);
    }
    for (const [family, children] of families) {
      check(
        stream.rescaled || stream.asked.has(family) || stream.answered.has(family),
        () => `${nameOf(stream)}: nobody resharded ${family}`,
      );
      this.counts.reshards++;
      const parents = (children[0]?.parents ?? []).map((index) => this.shard(stream, index).seen);
      for (const parent of parents) {
        check(
          parent.closed !== undefined,
          () => `${nameOf(stream)}: shard ${parent.index} is open, and has children`,
        );
        for (const child of children) {
          check(
            child.createdMs >= parent.createdMs + childDelayMs,
            () => `${nameOf(stream)}: ${child.index} is too early`,
          );
        }
      }
      check(
        rangesOf(children) === rangesOf(parents),
        () => `${nameOf(stream)}: children cover ${rangesOf(children)}, parents ${rangesOf(parents)}`,
      );
    }
  }

  /** A split or merge that was answered is under way, or done. */
  #answeredReshards(stream: ModelStream): void {
    if (stream.gone || stream.seen.status === 'DELETING') return;
    for (const family of stream.answered) {
      const parents = family.split('+').map(Number);
      const done = parents.every((index) => stream.shards.get(index)?.seen.closed !== undefined);
      const steps = stream.seen.reshard?.steps ?? [];
      const underWay = steps.some((step) => parentsName(step.parents) === family);
      check(
        done || underWay,
        () => `${nameOf(stream)}: the reshard of ${family} was answered and is not there`,
      );
    }
  }
}

function coverRing(stream: ModelStream, seen: StreamSeen): void {
  const open = seen.shards.filter((shard) => shard.closed === undefined);
  const covered = rangesOf(open);
  check(covered === `0-${hashKeyMax}`, () => `${nameOf(stream)}: the open shards cover ${covered}`);
}

/** The union of ranges, in words: `0-340282366920938463463374607431768211455` is the whole ring. */
function rangesOf(shards: readonly ShardSeen[]): string {
  const ranges = shards.map((shard) => shard.range).sort((a, b) => (a.start < b.start ? -1 : 1));
  const parts: { start: bigint; end: bigint }[] = [];
  for (const { start, end } of ranges) {
    const last = parts.at(-1);
    if (last !== undefined && last.end + 1n === start) last.end = end;
    else parts.push({ start, end });
  }
  return parts.map(({ start, end }) => `${start}-${end}`).join(' ');
}

function parentsName(parents: readonly number[]): string {
  return [...parents].sort((a, b) => a - b).join('+');
}
