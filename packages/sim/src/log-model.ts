/** The words in which the checker of a log thinks: attempts, known records, and what is certain of a log. */
import { present } from '@millrace/base';
import type { LogId, Position } from '@millrace/log';

/** A record says whose it is: attempt, index within it, length; the rest follows from these. */
export const recordBytesMin = 12;

type AttemptState = 'pending' | 'open' | 'known' | 'refused';

/** The records of one append for one log. */
export interface Attempt {
  readonly id: number;
  readonly lengths: readonly number[];
  readonly issuedMs: number;
  /** Everything answered before this was issued lies before it. */
  readonly after: Position;
  readonly afterCreate: boolean;
  readonly afterSeal: boolean;
  readonly afterDelete: boolean;
  state: AttemptState;
  firstPosition: Position;
  arrivalMs: number;
}

interface KnownRecord {
  readonly position: Position;
  readonly attempt: Attempt;
  readonly index: number;
}

/** `maybe`: asked for, and not answered or answered `unknown`. */
type Certainty = 'no' | 'maybe' | 'yes';

export interface ModelLog {
  readonly id: LogId;
  created: Certainty;
  deleted: Certainty;
  /** A create or a delete was answered `unknown`: what is answered to the next one says nothing of it. */
  unsure: boolean;
  sealed: Certainty;
  sealedEnd: Position;
  /** Trims that hold, and trims that were asked for. */
  trimmed: Position;
  trimAsked: Position;
  readonly attempts: Map<number, Attempt>;
  /** By position. */
  known: KnownRecord[];
  /** One past the last position that an append was answered with. */
  answeredEnd: Position;
  /** Reads have told everything before this: what becomes known later lies behind it. */
  readTo: Position;
}

/** What was certain of a log when a call was made: its answer may be as old as that, and no older. */
export interface Certain {
  readonly created: boolean;
  readonly deleted: boolean;
  readonly sealed: boolean;
  readonly trimmed: Position;
  readonly knownEnd: Position;
  readonly lastArrivalMs: number;
}

/** One append on its way: what `answered` needs to know of it. */
export interface PendingAppend {
  readonly attempts: readonly { readonly log: LogId; readonly attempt: number }[];
}

export function newLog(id: LogId): ModelLog {
  return {
    id,
    created: 'maybe',
    deleted: 'no',
    unsure: false,
    sealed: 'no',
    sealedEnd: 0,
    trimmed: 0,
    trimAsked: 0,
    attempts: new Map(),
    known: [],
    answeredEnd: 0,
    readTo: 0,
  };
}

export function mayExist(log: ModelLog): boolean {
  return log.created !== 'no' && log.deleted !== 'yes';
}

export function writeRecord(target: Uint8Array, attempt: number, index: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  view.setUint32(0, attempt, true);
  view.setUint32(4, index, true);
  view.setUint32(8, target.length, true);
  let byte = attempt * 31 + index * 7;
  for (let i = recordBytesMin; i < target.length; i++) target[i] = byte += 13;
}

/** An element that is there. */
export function at<T>(items: { readonly [index: number]: T; readonly length: number }, index: number): T {
  return present(items[index], `element ${index} of ${items.length}`);
}
