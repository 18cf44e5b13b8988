/** What opening the catalog, or submitting a command to it, can fail with, as a closed set. */
export type CatalogErrorCode =
  /** A record of the log is not what this program writes. Nothing is guessed: the catalog does not open. */
  | 'damaged'
  /** A record was written by a newer Millrace, or by a service that this one does not have. */
  | 'newer'
  /** No room on the disk for the command; it was not taken. */
  | 'full'
  /** The log takes no more writes until a restart; the command was not taken. */
  | 'poisoned'
  /** After all attempts nobody can say whether the command was, or will be, taken. */
  | 'unknown'
  /** The command is larger than the catalog takes. */
  | 'too-large'
  /** More commands are under way than the catalog takes at once. */
  | 'busy'
  /** The catalog was closed. */
  | 'closed';

export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly code: CatalogErrorCode;
  /** Whether the same command may be taken later with nothing else done. */
  readonly retryable: boolean;

  constructor(code: CatalogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'full' || code === 'busy' || code === 'unknown';
  }
}
