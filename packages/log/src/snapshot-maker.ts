/** Takes snapshots of an open log, and ends those under way when it closes. */
import type { ChunkSet } from './chunk-set.js';
import type { Disk } from './disk.js';
import type { Journal } from './journal.js';
import { makeSnapshot, type SnapshotProgress, type SnapshotResult, type SnapshotTarget } from './snapshot.js';

export interface SnapshotParts {
  readonly disk: Disk;
  readonly journal: Journal;
  readonly chunks: ChunkSet;
  readonly sliceBytes: number;
}

export class SnapshotMaker {
  readonly #parts: SnapshotParts;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /** Begins in this very turn: what is acknowledged by now is in it. */
  async make(
    target: SnapshotTarget,
    progress: ((progress: SnapshotProgress) => void) | undefined,
  ): Promise<SnapshotResult> {
    const { disk: source, journal, chunks, sliceBytes } = this.#parts;
    // All of this in one turn: between two of them, settling may have moved a file.
    const named = chunks.chunks.map((chunk) => chunk.named);
    const { storeId } = journal.chain;
    const nextChunk = named.reduce((next, { number }) => Math.max(next, number + 1), 1);
    const manifest = { storeId, journalFrom: journal.oldest, nextChunk, chunks: named };
    const files = [...journal.holdAll(), ...chunks.holdAll()];
    const { signal } = this.#stop;
    const making = makeSnapshot({ source, target, manifest, files, sliceBytes, signal, progress });
    this.#underWay.add(making);
    try {
      return await making;
    } finally {
      this.#underWay.delete(making);
    }
  }

  /** Resolves when none is under way any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#underWay);
  }
}
