/**
 * Looks a whole store through, sound or not, without changing a byte of it: what is wrong with it, which logs it has,
 * and which of their records are gone.
 *
 *      names ──▶ whose are they? ──▶ manifest ──▶ journal, from its first file on ──▶ chunks, oldest first ──▶ gaps
 *                headers and trailers say: copied files and swapped ones are known by what they hold
 *
 * Invariant: nothing is believed that a checksum does not hold for, and no damage ends the walk: what is behind it is
 * looked at as well. Memory is bounded by the number of logs, the tables of one chunk and a window.
 */
import { mib } from '@millrace/base';
import { isChunkName } from './chunk.js';
import { chunksOfStore, commonStoreId, orderedByRecords } from './chunk-order.js';
import { type ChunkFileFound, findChunkFile, type WalkedBlock, walkChunk } from './chunk-walk.js';
import type { LogId, Position } from './contract.js';
import type { DiskView, ReadableFile } from './disk.js';
import { FileWindow } from './file-window.js';
import { Findings } from './finding.js';
import { frameKind } from './frame.js';
import { journalName, journalNumber } from './journal.js';
import type { ScannedFrame } from './journal-scan.js';
import {
  findJournalFile,
  type JournalFileFound,
  type JournalPlace,
  tagOf,
  walkJournal,
} from './journal-walk.js';
import { LogTracks, type LostRange } from './log-track.js';
import { decodeManifest, type Manifest, manifestName } from './manifest.js';
import { openPatiently } from './patient-file.js';
import type { Run } from './run.js';
import { journalRow, journalWitness, lookAtNames, namedChunks } from './store-files.js';

export interface WalkProgress {
  readonly file: string;
  readonly bytesDone: number;
  readonly bytesAll: number;
}

/** A record of the log that is wanted, in no order: the journal's come before the chunks'. */
type WantedRecord = (position: Position, arrivalMs: number, bytes: Uint8Array) => void;

export interface WalkOptions {
  readonly view: DiskView;
  /** Told after each file, and in large ones between. */
  readonly progress?: (progress: WalkProgress) => void;
  /** Records of this log are handed on. */
  readonly wanted?: { readonly log: LogId; readonly record: WantedRecord };
  /** Whether positions of a log were lost before, as whoever repaired the store has written down. */
  readonly isKnownLost?: IsKnownLost;
}

type IsKnownLost = (log: LogId, range: LostRange) => boolean;

/** Everything that a walk has found out. */
export interface WalkedStore {
  readonly findings: Findings;
  readonly tracks: LogTracks;
  readonly storeId: Uint8Array | undefined;
  /** Oldest first. */
  readonly chunks: readonly ChunkFileFound[];
  readonly journal: readonly JournalFileFound[];
  readonly place: JournalPlace;
  readonly files: number;
  readonly bytes: number;
}

const windowBytes = mib;
/** A manifest names a chunk in 24 bytes: this is one for more chunks than any disk has room for. */
const manifestBytesMax = 256 * mib;

export async function walkStore(options: WalkOptions): Promise<WalkedStore> {
  return new StoreWalk(options).run();
}

class StoreWalk {
  readonly #options: WalkOptions;
  readonly #findings = new Findings();
  readonly #tracks = new LogTracks();
  readonly #window = new FileWindow(windowBytes);
  #bytesAll = 0;
  #bytesDone = 0;
  #files = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  async run(): Promise<WalkedStore> {
    const names = [...(await this.#options.view.list())].sort();
    this.#files = names.length;
    lookAtNames(names, this.#findings);
    const manifest = names.includes(manifestName) ? await this.#manifest() : undefined;
    const journals = await this.#journalFiles(names);
    const chunkFiles = await this.#chunkFiles(names);
    const isLost = manifest === undefined && chunkFiles.length > 0;
    if (isLost && !names.includes(manifestName)) {
      this.#findings.damage(
        'missing',
        manifestName,
        'it is not there, and chunks are: which of them count is lost',
      );
    }
    const storeId = manifest?.storeId ?? commonStoreId(journals, chunkFiles);
    const place: JournalPlace = { generation: 0, nextCommit: 1, lastChecksum: 0, newestMs: 0 };
    const result = { findings: this.#findings, tracks: this.#tracks, storeId, place, files: this.#files };
    if (storeId === undefined) {
      const name = journals[0]?.name ?? chunkFiles[0]?.name;
      const witness = journalWitness(names);
      if (name === undefined && witness !== undefined)
        this.#findings.damage(
          'missing',
          journalName(1),
          `it is not there, and ${witness} is, which is made after it`,
        );
      if (name !== undefined)
        this.#findings.damage('changed', name, 'neither it nor any other file says which store it is of', {
          offset: 0,
        });
      return { ...result, chunks: [], journal: [], bytes: this.#bytesAll };
    }
    const journal = journalRow(journals, manifest, storeId, this.#findings);
    const chunks =
      manifest === undefined
        ? chunksOfStore(chunkFiles, storeId)
        : namedChunks(chunkFiles, manifest, this.#findings);
    this.#bytesAll = [...journal, ...chunks].reduce((sum, { size }) => sum + size, 0);
    await this.#walkJournal(journal, storeId, place);
    const ordered = isLost ? await this.#inOrder(chunks, storeId) : chunks;
    for (const chunk of ordered) {
      const named = manifest?.chunks.find(({ number }) => number === chunk.number);
      await this.#walkChunk(chunk, named, storeId);
    }
    this.#tracks.chunksEnd();
    this.#reportGaps();
    return { ...result, chunks: ordered, journal, bytes: this.#bytesAll };
  }

  async #manifest(): Promise<Manifest | undefined> {
    return this.#with(manifestName, async (file) => {
      const size = await file.size();
      const bytes = Buffer.alloc(Math.min(size, manifestBytesMax));
      const read = await file.read(bytes, 0);
      const manifest = decodeManifest(bytes.subarray(0, read));
      if (manifest === undefined) {
        this.#findings.damage(
          'changed',
          manifestName,
          'it is not what was written: which chunks count is lost',
          {
            offset: 0,
            bytes: size,
          },
        );
        return undefined;
      }
      if ('version' in manifest) {
        this.#findings.damage(
          'newer',
          manifestName,
          `it has format ${manifest.version}, which this version does not read`,
        );
        return undefined;
      }
      return manifest;
    });
  }

  async #journalFiles(names: readonly string[]): Promise<JournalFileFound[]> {
    const found: JournalFileFound[] = [];
    for (const name of names) {
      const number = journalNumber(name);
      if (number === undefined) continue;
      found.push(
        await this.#with(name, async (file) => {
          const size = await file.size();
          this.#window.attach(file, name, size);
          return findJournalFile(this.#window, name, number, size);
        }),
      );
    }
    return found;
  }

  async #chunkFiles(names: readonly string[]): Promise<ChunkFileFound[]> {
    const found: ChunkFileFound[] = [];
    for (const name of names.filter(isChunkName)) {
      found.push(await this.#with(name, (file) => findChunkFile(file, name, Number(name.slice(-10)))));
    }
    return found;
  }

  async #walkJournal(
    row: readonly JournalFileFound[],
    storeId: Uint8Array,
    place: JournalPlace,
  ): Promise<void> {
    for (const [i, file] of row.entries()) {
      const { name, number, header } = file;
      const next = row[i + 1];
      const isNext = next?.header?.previousFile === number;
      if (header === undefined) {
        this.#findings.damage(
          'changed',
          name,
          'its beginning, which names the logs, is not what was written',
          { offset: 0 },
        );
      } else this.#tracks.checkpoint(header.logs, header.nextLog);
      await this.#with(name, async (handle) => {
        this.#window.attach(handle, name, file.size);
        const whole = await walkJournal(
          {
            window: this.#window,
            file,
            next: isNext ? next.header : undefined,
            newest: next === undefined,
            tag: tagOf(storeId),
            findings: this.#findings,
            frame: (frame) => this.#frame(frame),
            frameLost: (head) => this.#tracks.frameLost(head),
            doubt: (recordsMax) => this.#tracks.doubt(recordsMax),
          },
          place,
        );
        const follows =
          next?.header === undefined ||
          (isNext &&
            next.header.previousChecksum === place.lastChecksum &&
            next.header.nextCommit === place.nextCommit);
        if (whole && !follows && next !== undefined && next.number === number + 1) {
          this.#findings.damage('misplaced', next.name, `it does not go on where ${name} ended`, {
            offset: 0,
          });
        }
      });
      this.#walked(name, file.size);
    }
  }

  #frame(frame: ScannedFrame): string | undefined {
    const { head, payload } = frame;
    const wrong = this.#tracks.frame(head, payload);
    const { wanted } = this.#options;
    if (wrong !== undefined || wanted === undefined || head.kind !== frameKind.append) return wrong;
    const { ends, order } = head;
    let orderStart = 0;
    for (let s = 0; s < head.sectionCount; s++) {
      const count = head.countOf(s);
      if (this.#tracks.get(head.logOf(s))?.id === wanted.log) {
        const run = {
          batch: { payload, ends, order },
          firstPosition: head.positionOf(s),
          count,
          arrivalMs: head.arrivalOf(s),
          orderStart,
        };
        forEachRecord(run, wanted.record);
      }
      orderStart += count;
    }
    return undefined;
  }

  async #walkChunk(
    chunk: ChunkFileFound,
    named: Manifest['chunks'][number] | undefined,
    storeId: Uint8Array,
  ): Promise<void> {
    const { wanted } = this.#options;
    await this.#with(chunk.name, (file) =>
      walkChunk({
        file,
        found: chunk,
        named,
        storeId,
        tag: tagOf(storeId),
        window: this.#window,
        findings: this.#findings,
        exists: (log) => this.#tracks.get(log)?.exists === true,
        block: (block) => {
          this.#block(chunk.name, block);
          if (wanted === undefined || this.#tracks.get(block.log)?.id !== wanted.log) return;
          for (const run of block.runs) forEachRecord(run, wanted.record);
        },
      }),
    );
    this.#walked(chunk.name, chunk.size);
  }

  #block(name: string, block: WalkedBlock): void {
    for (const run of block.runs) {
      const kind = this.#tracks.settled(block.log, run.firstPosition, run.count, run.arrivalMs);
      if (kind !== 'twice') continue;
      const message = 'it holds records that an older chunk holds too';
      const log = this.#tracks.get(block.log)?.id;
      this.#findings.damage('records', name, message, { offset: block.offset, bytes: block.length, log });
      return;
    }
  }

  /** Chunks in the order of their records, when no manifest tells it: their tables of logs do. */
  async #inOrder(chunks: readonly ChunkFileFound[], storeId: Uint8Array): Promise<ChunkFileFound[]> {
    const keyed: { chunk: ChunkFileFound; ends: Map<number, Position> }[] = [];
    for (const chunk of chunks) {
      const ends = new Map<number, Position>();
      await this.#with(chunk.name, (file) =>
        walkChunk({
          file,
          found: chunk,
          named: undefined,
          storeId,
          tag: tagOf(storeId),
          window: this.#window,
          findings: new Findings(),
          exists: () => true,
          block: ({ log, runs }) => {
            const last = runs.at(-1);
            if (last !== undefined) ends.set(log, last.firstPosition + last.count);
          },
        }),
      );
      keyed.push({ chunk, ends });
    }
    return orderedByRecords(keyed);
  }

  /** A gap that nothing else explains is a finding of its own. */
  #reportGaps(): void {
    const { isKnownLost = () => false } = this.#options;
    const explained = this.#findings.damaged > 0;
    for (const track of this.#tracks.existing()) {
      const { id } = track;
      track.forget((range) => id !== undefined && isKnownLost(id, range));
      for (const { from, to } of explained ? [] : track.lost()) {
        const name = id ?? `log ${track.number}`;
        const message = `records ${from} to ${to - 1} of ${name} are not there, and no file shows why`;
        this.#findings.damage('records', manifestName, message, { log: id });
      }
    }
  }

  async #with<T>(name: string, use: (file: ReadableFile) => Promise<T>): Promise<T> {
    const file = await openPatiently(this.#options.view, name, this.#findings);
    try {
      return await use(file);
    } finally {
      // Two files of one name in a row, were there ever such, must not share a window.
      this.#window.attach(file, '', 0);
      await file.close();
    }
  }

  #walked(name: string, bytes: number): void {
    this.#bytesDone += bytes;
    this.#options.progress?.({ file: name, bytesDone: this.#bytesDone, bytesAll: this.#bytesAll });
  }
}

function forEachRecord(run: Run, take: WantedRecord): void {
  const { batch, firstPosition, count, arrivalMs, orderStart } = run;
  for (let i = 0; i < count; i++) {
    const record = batch.order === undefined ? orderStart + i : (batch.order[orderStart + i] ?? 0);
    const start = record === 0 ? 0 : (batch.ends[record - 1] ?? 0);
    // A copy: the payload lies in a window that moves on.
    take(firstPosition + i, arrivalMs, new Uint8Array(batch.payload.subarray(start, batch.ends[record])));
  }
}
