/**
 * The demonstration's files, and the only place where it touches them.
 *
 *      data/demo/checkpoint.json          the last checkpoint: replaced by a rename, never written in place
 *      data/demo/checkpoint.json.new      the next one, until it is whole
 *      data/demo/acknowledged-<g>.log     ledgers, see acknowledgements.ts
 *
 * Invariant: at every instant `checkpoint.json` is one whole checkpoint, or missing before the first.
 */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { decodeAcknowledged, encodeAcknowledged } from './acknowledgements.js';
import type { Checkpoint } from './checkpoint.js';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.js';

/** A ledger longer than this is spent: a new one is begun at the next checkpoint. */
const ledgerBytesMax = 1024 * 1024;

const checkpointName = 'checkpoint.json';
const ledgerName = /^acknowledged-([0-9]+)\.log$/;

export interface Remembered {
  readonly checkpoint: Checkpoint;
  /** What was acknowledged after the checkpoint, as far as it is known. */
  readonly acknowledgedSince: readonly (readonly [first: number, last: number])[];
  /** A generation that no ledger has had. */
  readonly nextLedger: number;
}

export class DemoFolder {
  readonly path: string;
  #ledger: FileHandle | undefined;
  #ledgerBytes = 0;

  constructor(folder: string) {
    this.path = folder;
  }

  get checkpointPath(): string {
    return path.join(this.path, checkpointName);
  }

  /** Whether a new ledger should be begun: this one is long, or broken, or there is none. */
  get ledgerSpent(): boolean {
    return this.#ledger === undefined || this.#ledgerBytes > ledgerBytesMax;
  }

  /** Makes the folder and answers what an earlier run left; undefined before the first checkpoint. */
  async load(): Promise<Remembered | undefined> {
    await mkdir(this.path, { recursive: true });
    const names = await readdir(this.path);
    if (!names.includes(checkpointName)) return undefined;
    const checkpoint = decodeCheckpoint(await readFile(this.checkpointPath, 'utf8'));
    const ledgers = ledgerGenerations(names);
    const since = [];
    for (const generation of ledgers.filter((each) => each >= checkpoint.ledger)) {
      since.push(...decodeAcknowledged(await readFile(this.#ledgerPath(generation), 'utf8')));
    }
    return {
      checkpoint,
      acknowledgedSince: since,
      nextLedger: Math.max(checkpoint.ledger, ...ledgers.map((each) => each + 1)),
    };
  }

  /** Puts `checkpoint` in the place of the last one, for good; ledgers that it includes are removed. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const next = `${this.checkpointPath}.new`;
    const file = await open(next, 'w');
    try {
      await file.writeFile(encodeCheckpoint(checkpoint));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(next, this.checkpointPath);
    await this.#syncFolder();
    for (const generation of ledgerGenerations(await readdir(this.path))) {
      if (generation < checkpoint.ledger) await rm(this.#ledgerPath(generation), { force: true });
    }
  }

  /** Begins the ledger of `generation`; the one before is whole. */
  async beginLedger(generation: number): Promise<void> {
    await this.close();
    this.#ledger = await open(this.#ledgerPath(generation), 'a');
    this.#ledgerBytes = 0;
  }

  /** Appends a line to the ledger; while there is none, the next checkpoint is what remembers. */
  async acknowledge(numbers: readonly number[]): Promise<void> {
    const line = encodeAcknowledged(numbers);
    this.#ledgerBytes += line.length;
    try {
      await this.#ledger?.appendFile(line);
    } catch (error) {
      // Half a line may stand there now, and nothing may follow it.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const ledger = this.#ledger;
    this.#ledger = undefined;
    await ledger?.close();
  }

  #ledgerPath(generation: number): string {
    return path.join(this.path, `acknowledged-${generation}.log`);
  }

  async #syncFolder(): Promise<void> {
    // Windows opens no directories, and keeps a rename without being asked.
    if (path.sep === '\\') return;
    const folder = await open(this.path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

/** The text of the data file in a checkout at or above `from`; undefined when there is none. */
export async function readFlightsFile(from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'node_modules', 'vega-datasets', 'data', 'flights-20k.json');
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
    if (path.dirname(folder) === folder) return undefined;
  }
}

function ledgerGenerations(names: readonly string[]): number[] {
  return names
    .flatMap((name) => ledgerName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
