/**
 * Salvages what is sound in a store into a new one, and says what is gone. The old one is only read.
 *
 *      chunk 3 │ ✓ │ ✗ │ ✓ │ ──▶ chunk 1 │ ✓ │ ✓ │      journal 8 │ ✓ │ ✗ │ ✓ │ ──sort──▶ chunk 2 │ ✓ │ ✓ │
 *                                       journal 9: an empty one, whose checkpoint says where each log stands
 *
 * Invariant: records keep their positions and arrival times, and logs their numbers and ends, so that nothing is ever
 * given a position that something lost had, of all that the old one shows to have been there. Where it only shows that
 * something was, the ends are raised by all that it can have been. The new store is whole, or says that it was never finished.
 *
 * Blocks are copied as they are, each checked before. Memory: the records of one journal file, and what a walk takes.
 */
import { chunkName } from './chunk.js';
import { type BlockShape, blockShapeAt } from './chunk-block.js';
import { type WalkedBlock, walkChunk } from './chunk-walk.js';
import { ChunkWriter, type LogFence, type WritableBlock } from './chunk-writer.js';
import type { LogId } from './contract.js';
import type { Disk, DiskView } from './disk.js';
import { FileWindow } from './file-window.js';
import { Findings } from './finding.js';
import { frameKind } from './frame.js';
import { journalName } from './journal.js';
import { type CheckpointLog, encodeJournalHeader } from './journal-header.js';
import type { ScannedFrame } from './journal-scan.js';
import { tagOf, walkJournal } from './journal-walk.js';
import { nativeLimitsDefault } from './limits.js';
import { LogError } from './log-error.js';
import { type ManifestChunk, writeManifest } from './manifest.js';
import { openPatiently } from './patient-file.js';
import type { Run } from './run.js';
import { RunSorter } from './run-sorter.js';
import { reportOf, type StoreReport } from './store-check.js';
import { type WalkedStore, type WalkProgress, walkStore } from './store-walk.js';
import { beginMaking, endMaking } from './unfinished.js';

export interface RepairOptions {
  readonly source: DiskView;
  /** Empty. */
  readonly target: Disk;
  /** What a log is called whose name is lost; only its number is known. Default `salvaged/log-N`. */
  readonly nameOf?: (number: number) => LogId;
  readonly progress?: (progress: WalkProgress) => void;
}

const defaultName = (number: number): LogId => `salvaged/log-${number}`;

/** Makes the new store and answers what was found in the old one. Rejects with `LogError` when nothing is to be had. */
export async function repairStore(options: RepairOptions): Promise<StoreReport> {
  const { source, target, progress } = options;
  const walked = await walkStore({ view: source, ...(progress === undefined ? {} : { progress }) });
  if (walked.storeId === undefined) {
    throw new LogError(
      'damaged',
      'nothing in the directory says which store it is of: nothing can be salvaged',
    );
  }
  await beginMaking(target, 'a repair is being made here');
  await new Salvage(options, walked, walked.storeId).run();
  await endMaking(target);
  return reportOf(walked);
}

/** Where the new store stands with a log. */
interface Written {
  end: number;
  lastArrivalMs: number;
  first: number | undefined;
}

class Salvage {
  readonly #options: RepairOptions;
  readonly #walked: WalkedStore;
  readonly #storeId: Uint8Array;
  readonly #tag: number;
  readonly #window = new FileWindow(nativeLimitsDefault.readBytesMax);
  readonly #written = new Map<number, Written>();
  readonly #chunks: ManifestChunk[] = [];
  #nextChunk = 1;

  constructor(options: RepairOptions, walked: WalkedStore, storeId: Uint8Array) {
    this.#options = options;
    this.#walked = walked;
    this.#storeId = storeId;
    this.#tag = tagOf(storeId);
  }

  async run(): Promise<void> {
    const { target } = this.#options;
    for (const chunk of this.#walked.chunks) {
      const blocks = new BlockQueue();
      await this.#chunk(async (write) => {
        await this.#walkChunk(chunk, async (block) => {
          if (this.#takes(block)) blocks.add(block);
          if (blocks.bytes >= nativeLimitsDefault.settlingSliceBytes) await blocks.drain(write);
        });
        await blocks.drain(write);
      });
    }
    for (const file of this.#walked.journal) {
      const sorter = new RunSorter();
      await this.#walkJournal(file, sorter);
      await this.#chunk(async (write) => {
        for (const { block, bytes } of sorter.blocks(this.#tag, nativeLimitsDefault.blockBytesMax)) {
          await write(bytes, [block]);
        }
      });
    }
    const file = Math.max(0, ...this.#walked.journal.map(({ number }) => number)) + 1;
    await this.#writeJournal(file);
    const storeId = this.#storeId;
    await target.syncDirectory();
    await writeManifest(target, {
      storeId,
      journalFrom: file,
      nextChunk: this.#nextChunk,
      chunks: this.#chunks,
    });
  }

  /** Makes a chunk of what `fill` writes; none when that is nothing. */
  async #chunk(fill: (write: WriteBlocks) => Promise<void>): Promise<void> {
    const { target } = this.#options;
    const number = this.#nextChunk++;
    const name = chunkName(number);
    const file = await target.open(name, 'create');
    let count = 0;
    try {
      const { settlingSliceBytes: sliceBytes, settlingSyncBytes: syncBytes } = nativeLimitsDefault;
      const parts = { file, number, storeId: this.#storeId, tag: this.#tag, sliceBytes, syncBytes };
      const writer = new ChunkWriter({ ...parts, canaries: {} });
      await fill(async (bytes, blocks) => {
        count += blocks.length;
        await writer.write({ bytes, blocks, seal: () => {} }, new AbortController().signal);
      });
      if (count > 0) this.#chunks.push((await writer.finish(this.#fences())).named);
    } finally {
      await file.close();
    }
    if (count === 0) await target.remove(name);
  }

  async #walkChunk(
    found: WalkedStore['chunks'][number],
    block: (block: WalkedBlock) => Promise<void>,
  ): Promise<void> {
    const findings = new Findings();
    const file = await openPatiently(this.#options.source, found.name, findings);
    const storeId = this.#storeId;
    const named = undefined;
    const exists = (): boolean => true;
    try {
      const window = this.#window;
      await walkChunk({ file, found, named, storeId, tag: this.#tag, window, findings, exists, block });
    } finally {
      this.#window.attach(file, '', 0);
      await file.close();
    }
  }

  async #walkJournal(found: WalkedStore['journal'][number], sorter: RunSorter): Promise<void> {
    const findings = new Findings();
    const file = await openPatiently(this.#options.source, found.name, findings);
    const { journal } = this.#walked;
    const index = journal.indexOf(found);
    const next = journal[index + 1]?.header;
    try {
      this.#window.attach(file, found.name, found.size);
      await walkJournal(
        {
          window: this.#window,
          file: found,
          next: next?.previousFile === found.number ? next : undefined,
          newest: index === journal.length - 1,
          tag: this.#tag,
          findings,
          frame: (frame) => this.#frame(frame, sorter),
        },
        { generation: 0, nextCommit: 0, lastChecksum: 0, newestMs: 0 },
      );
    } finally {
      this.#window.attach(file, '', 0);
      await file.close();
    }
  }

  #frame({ head, payload }: ScannedFrame, sorter: RunSorter): undefined {
    if (head.kind !== frameKind.append) return undefined;
    const batch = { payload, ends: head.ends, order: head.order };
    let orderStart = 0;
    for (let s = 0; s < head.sectionCount; s++) {
      const [log, count] = [head.logOf(s), head.countOf(s)];
      const run = {
        batch,
        firstPosition: head.positionOf(s),
        count,
        arrivalMs: head.arrivalOf(s),
        orderStart,
      };
      orderStart += count;
      const from = Math.max(run.firstPosition, this.#firstOf(log), this.#writtenOf(log).end);
      if (from >= run.firstPosition + count) continue;
      sorter.add(log, run, from);
      this.#note(log, { ...run, firstPosition: from, count: run.firstPosition + count - from });
    }
    return undefined;
  }

  /** Whether a block holds anything that is alive and not written yet; if so it is taken for written. */
  #takes({ log, runs }: WalkedBlock): boolean {
    const [first, last] = [runs[0], runs.at(-1)];
    if (first === undefined || last === undefined) return false;
    const isAlive = last.firstPosition + last.count > this.#firstOf(log);
    if (!isAlive || first.firstPosition < this.#writtenOf(log).end) return false;
    for (const run of runs) this.#note(log, run);
    return true;
  }

  #note(log: number, run: Run): void {
    const written = this.#writtenOf(log);
    written.first ??= Math.max(run.firstPosition, this.#firstOf(log));
    written.end = run.firstPosition + run.count;
    written.lastArrivalMs = run.arrivalMs;
  }

  /** Infinite for a log that is gone: nothing of it is alive. */
  #firstOf(log: number): number {
    const track = this.#walked.tracks.get(log);
    return track?.exists === true ? (track.first ?? 0) : Number.POSITIVE_INFINITY;
  }

  #writtenOf(log: number): Written {
    let written = this.#written.get(log);
    if (written === undefined) {
      written = { end: 0, lastArrivalMs: 0, first: undefined };
      this.#written.set(log, written);
    }
    return written;
  }

  #fences(): LogFence[] {
    return Array.from(this.#walked.tracks.existing(), ({ number }) => {
      const { end, lastArrivalMs } = this.#writtenOf(number);
      return { log: number, end, lastArrivalMs };
    });
  }

  /** The journal of the new store: nothing but the checkpoint. What is lost at a log's beginning is as if trimmed. */
  async #writeJournal(file: number): Promise<void> {
    const { target, nameOf = defaultName } = this.#options;
    const { tracks, place } = this.#walked;
    const logs = Array.from(tracks.existing(), (track): CheckpointLog => {
      const { number, id = nameOf(number), sealed, end, lastArrivalMs } = track;
      return { number, id, sealed, first: this.#writtenOf(number).first ?? end, end, lastArrivalMs };
    });
    const header = encodeJournalHeader({
      storeId: this.#storeId,
      file,
      generation: place.generation + 1,
      createdMs: place.newestMs,
      previousFile: 0,
      previousChecksum: 0,
      previousEnd: 0,
      nextCommit: place.nextCommit + 1,
      reusedBytes: 0,
      nextLog: tracks.nextLog,
      logs,
    });
    const handle = await target.open(journalName(file), 'create');
    try {
      await handle.write([header], 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Writes sealed blocks that lie one after another in `bytes`. */
type WriteBlocks = (bytes: Buffer, blocks: readonly WritableBlock[]) => Promise<void>;

/** Blocks on their way from one chunk to another. */
class BlockQueue {
  #held: { readonly bytes: Buffer; readonly block: WritableBlock }[] = [];
  bytes = 0;

  add({ log, runs, bytes }: WalkedBlock): void {
    const { firstPosition = 0, arrivalMs: firstArrivalMs = 0 } = runs[0] ?? {};
    const shape: BlockShape = blockShapeAt(bytes, 0);
    this.#held.push({ bytes: Buffer.from(bytes), block: { ...shape, log, firstPosition, firstArrivalMs } });
    this.bytes += bytes.length;
  }

  async drain(write: WriteBlocks): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.bytes = 0;
    if (held.length === 0) return;
    await write(
      Buffer.concat(held.map(({ bytes }) => bytes)),
      held.map(({ block }) => block),
    );
  }
}
