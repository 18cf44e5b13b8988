/**
 * Copies what is alive of some neighbouring chunks into one, block by block.
 *
 *      chunk 3 │ a a b · │        chunk 9 │ a a a b b c │          ·: nothing alive in it
 *      chunk 4 │ a · b c │
 *
 * Invariant: a block is checked before it is copied, and copied as it is; only its place is written anew. Logs come in
 * order, and of each log the older chunk's blocks come first. At most `bytesMax`, or one block, is held at a time.
 */
import type { Chunk } from './chunk.js';
import { blockShapeAt } from './chunk-block.js';
import type { LogEntry } from './chunk-table.js';
import type { ChunkWriter, LogFence, WritableBlock } from './chunk-writer.js';
import type { FileLease } from './file-pool.js';
import type { FileWindow } from './file-window.js';
import type { Registry } from './registry.js';
import { liveBlocks } from './survey.js';

export interface RewriterOptions {
  /** Oldest first, each under lease. */
  readonly sources: readonly { readonly chunk: Chunk; readonly lease: FileLease }[];
  readonly window: FileWindow;
  readonly registry: Registry;
  readonly bytesMax: number;
}

/** Blocks are copied sealed. */
const noSeal = (): void => {};

/** A source, and its next log. */
interface Cursor {
  readonly chunk: Chunk;
  readonly lease: FileLease;
  readonly entries: AsyncIterator<LogEntry>;
  entry: LogEntry | undefined;
}

export class ChunkRewriter {
  readonly #options: RewriterOptions;
  readonly #fences: LogFence[] = [];
  #held: { readonly bytes: Buffer; readonly block: WritableBlock }[] = [];
  #heldBytes = 0;

  constructor(options: RewriterOptions) {
    this.#options = options;
  }

  async write(writer: ChunkWriter, signal: AbortSignal): Promise<void> {
    const cursors = await this.#cursors();
    for (;;) {
      const log = Math.min(...cursors.map(({ entry }) => entry?.log ?? Number.POSITIVE_INFINITY));
      if (log === Number.POSITIVE_INFINITY) break;
      for (const cursor of cursors) {
        const { entry } = cursor;
        if (entry?.log !== log) continue;
        await this.#copy(cursor, entry, writer, signal);
        cursor.entry = await next(cursor.entries);
      }
    }
    await this.#flush(writer, signal);
  }

  /** Where each log that exists stands behind the newest source. */
  fences(): readonly LogFence[] {
    return this.#fences;
  }

  #cursors(): Promise<Cursor[]> {
    return Promise.all(
      this.#options.sources.map(async ({ chunk, lease }) => {
        const entries = chunk.logs(lease.file)[Symbol.asyncIterator]();
        return { chunk, lease, entries, entry: await next(entries) };
      }),
    );
  }

  async #copy(cursor: Cursor, entry: LogEntry, writer: ChunkWriter, signal: AbortSignal): Promise<void> {
    const { window, registry, bytesMax } = this.#options;
    const { chunk, lease } = cursor;
    const { log, end, lastArrivalMs } = entry;
    if (registry.byNumber(log)?.exists !== true) return;
    if (this.#fences.at(-1)?.log === log) this.#fences.pop();
    this.#fences.push({ log, end, lastArrivalMs });
    const { from, to } = await liveBlocks(chunk, lease.file, entry, registry);
    for (let index = from; index < to; index++) {
      const found = await chunk.block(lease.file, index);
      const { bytes } = await chunk.load(lease.file, window, found);
      const { firstPosition, firstArrivalMs } = found;
      if (this.#heldBytes > 0 && this.#heldBytes + bytes.length > bytesMax) await this.#flush(writer, signal);
      const block = { ...blockShapeAt(bytes, 0), log, firstPosition, firstArrivalMs };
      this.#held.push({ bytes: Buffer.from(bytes), block });
      this.#heldBytes += bytes.length;
    }
  }

  async #flush(writer: ChunkWriter, signal: AbortSignal): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    if (held.length === 0) return;
    const bytes = Buffer.concat(held.map((one) => one.bytes));
    const blocks = held.map((one) => one.block);
    await writer.write({ bytes, blocks, seal: noSeal }, signal);
  }
}

async function next(entries: AsyncIterator<LogEntry>): Promise<LogEntry | undefined> {
  const { done, value } = await entries.next();
  return done === true ? undefined : value;
}
