/**
 * What is found in a store that is looked through whole: each a sentence for a person, with its place.
 *
 * Invariant: a `note` is what a crash, or a switch that was cut off, may leave, and what the next opening puts right by
 * itself; everything else is `damage`. At most `findingsMax` are kept; the rest are counted.
 */
import type { LogId } from './contract.js';

export type FindingKind =
  /** Bytes are not what was written. */
  | 'changed'
  /** A file is shorter than it must be. */
  | 'cut'
  /** A file, or a part of the row of them, is not there. */
  | 'missing'
  /** A file holds what belongs under another name: it was copied, or two were swapped. */
  | 'misplaced'
  /** A file that no store of ours has, or another store's. */
  | 'foreign'
  /** A file of a format that this version does not know. */
  | 'newer'
  /** The disk does not give the bytes back. */
  | 'unreadable'
  /** Records that must be there are not, and no other finding says why; or they are there twice. */
  | 'records'
  /** The directory was being made, by a snapshot or a repair, and never finished. */
  | 'unfinished'
  /** Note: a last commit that is not whole. The next opening cuts it off. */
  | 'torn'
  /** Note: a file that nothing needs. The next opening removes it. */
  | 'leftover';

export interface Finding {
  readonly severity: 'damage' | 'note';
  readonly kind: FindingKind;
  readonly file: string;
  /** Where in the file it begins, and how long it is as far as that is known. */
  readonly offset: number | undefined;
  readonly bytes: number | undefined;
  /** The log that it is part of, where the bytes around it say so. */
  readonly log: LogId | undefined;
  /** What it is, in a sentence that begins with a small letter and names neither file nor offset. */
  readonly message: string;
}

const findingsMax = 1000;

export class Findings {
  readonly list: Finding[] = [];
  /** Those past the limit. */
  more = 0;
  #damaged = 0;

  /** How many are damage. */
  get damaged(): number {
    return this.#damaged;
  }

  damage(kind: FindingKind, file: string, message: string, place: Partial<Finding> = {}): void {
    this.#damaged++;
    this.#add({ ...noPlace, ...place, severity: 'damage', kind, file, message });
  }

  note(kind: FindingKind, file: string, message: string, place: Partial<Finding> = {}): void {
    this.#add({ ...noPlace, ...place, severity: 'note', kind, file, message });
  }

  #add(finding: Finding): void {
    if (this.list.length < findingsMax) this.list.push(finding);
    else this.more++;
  }
}

const noPlace = { offset: undefined, bytes: undefined, log: undefined };
