/** What the main thread and a codec thread say to each other. */
import type { PutBatch } from '../put-batch.js';
import type { RecordsPage } from './get-records-output.js';
import type { PutName } from './put-codec.js';

/** Asks for a batch. `body` is in shared memory, so only its place crosses. */
interface DecodeJob {
  readonly id: number;
  readonly name: PutName;
  /** Of the protocol. */
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Moved there, for the payload. It comes back with the batch if that fits into it. */
  readonly memory: ArrayBuffer;
}

/** Asks for an answer's bytes. The page is a gathered one (`gathered-page.ts`). */
interface EncodeJob {
  readonly id: number;
  readonly contentType: string;
  readonly page: RecordsPage;
  /** Moved there, for the answer. It comes back with it if that fits into it. */
  readonly memory: ArrayBuffer;
}

export type CodecJob = DecodeJob | EncodeJob;

/** The first that a thread says: it has loaded what it needs. */
export interface CodecReady {
  readonly ready: true;
}

/** The batch or the bytes, whose memory is moved and not copied. */
export interface CodecAnswer {
  readonly id: number;
  readonly result: PutBatch | Uint8Array | undefined;
}
