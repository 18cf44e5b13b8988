import { DiskError } from './disk.js';

/** What opening or reading a log can fail with, as a closed set; the message names the file and the offset. */
export type LogErrorCode =
  /** Bytes that were synced are not what was written. Refused, never cut. */
  | 'damaged'
  /** The directory holds files that are not ours, or of a format this version does not know. */
  | 'foreign'
  /** The engine was closed. */
  | 'closed'
  /** Another process has the directory. */
  | 'locked'
  /** The disk failed or forbade it; `cause` is the `DiskError`. */
  | 'disk'
  /** A named limit of waiting calls is reached; the same call may succeed later. */
  | 'busy';

export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;
  readonly retryable: boolean;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'locked' || code === 'busy';
  }
}

/** What the disk answers, as what the log answers. */
export async function asLogError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new LogError(error.code === 'locked' ? 'locked' : 'disk', error.message, { cause: error });
  }
}
