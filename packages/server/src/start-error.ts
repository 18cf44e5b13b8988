/** Why a server did not start, as a closed set. The message is one line that says what to do. */
export type StartErrorCode =
  /** An option makes no sense, alone or with another. */
  | 'bad-option'
  /** A host wider than loopback, and nobody said that this is meant. */
  | 'insecure'
  | 'port-occupied'
  /** A certificate or its key cannot be read, made or used together. */
  | 'certificate'
  /** The master keys cannot be used, or are not those that the data is sealed under. */
  | 'keys'
  /** The host is none of this machine's, or the port may not be listened on. */
  | 'cannot-listen'
  /** The data directory cannot be made, read or written. */
  | 'unwritable'
  /** The data directory holds something else, or data of a version that this one does not know. */
  | 'foreign'
  /** Another server has the data directory. */
  | 'locked'
  /** The data directory's bytes are not what was written. */
  | 'damaged';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;
  /** Whether the same start may succeed later with nothing else done. */
  readonly retryable: boolean;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'port-occupied' || code === 'locked';
  }
}
