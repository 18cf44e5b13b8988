/** What the main thread and a codec thread say to each other. */
import type { PutBatch } from '../put-batch.js';
import type { PutName } from './codec.js';

/** Asks for a batch. `body` is in shared memory, so only its place crosses. */
export interface CodecJob {
  readonly id: number;
  readonly name: PutName;
  /** Of the protocol. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** The first that a thread says: it has loaded what it needs. */
export interface CodecReady {
  readonly ready: true;
}

/** The batch, whose arrays are moved and not copied. */
export interface CodecAnswer {
  readonly id: number;
  readonly batch: PutBatch | undefined;
}
