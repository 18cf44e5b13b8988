export type KinesisErrorCode =
  /** Nobody answers there. */
  | 'unreachable'
  /** Asked, and not answered to the end: whether it was done is not known. */
  | 'unanswered'
  /** The stream, or the shard, is not there. */
  | 'missing'
  /** It is there already, or not in the state for this. */
  | 'in-use'
  /** The iterator's five minutes are over. */
  | 'expired'
  /** Slow down. */
  | 'throttled'
  /** The server is in trouble. */
  | 'unavailable'
  /** The server understood and said no. */
  | 'refused';

/** A call that brought no answer, or one that says no. Its message is a sentence for a person. */
export class KinesisError extends Error {
  override readonly name = 'KinesisError';
  readonly code: KinesisErrorCode;
  readonly retryable: boolean;

  constructor(code: KinesisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = ['unreachable', 'unanswered', 'throttled', 'unavailable'].includes(code);
  }
}

const codes: Readonly<Record<string, KinesisErrorCode>> = {
  ResourceNotFoundException: 'missing',
  ResourceInUseException: 'in-use',
  ExpiredIteratorException: 'expired',
  ProvisionedThroughputExceededException: 'throttled',
  LimitExceededException: 'throttled',
};

/** What an answer other than 200 says: AWS JSON 1.1 has the error's type and its sentence in the body. */
export function errorOf(status: number, type: string, message: string): KinesisError {
  const name = type.slice(type.lastIndexOf('#') + 1);
  const code = codes[name] ?? (status >= 500 ? 'unavailable' : 'refused');
  const hint = name === 'ResourceNotFoundException' ? ' (`millrace streams` lists what is there)' : '';
  return new KinesisError(code, `${name === '' ? `HTTP ${status}` : name}: ${message}${hint}`);
}
