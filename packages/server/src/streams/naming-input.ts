/** The members by which requests of any operation say what they are about. */
export interface NamingInput {
  readonly StreamName?: unknown;
  readonly StreamARN?: unknown;
  readonly ConsumerARN?: unknown;
  readonly ResourceARN?: unknown;
  readonly ShardIterator?: unknown;
  readonly ShardId?: unknown;
  readonly ShardToSplit?: unknown;
  readonly ShardToMerge?: unknown;
  readonly AdjacentShardToMerge?: unknown;
  readonly Records?: unknown;
}

/** The name of the stream that a request is about, out of whichever member says it; undefined where none does. */
export function streamNameIn(input: NamingInput): string | undefined {
  return typeof input.StreamName === 'string'
    ? input.StreamName
    : (nameInArn(input.StreamARN) ?? nameInArn(input.ConsumerARN) ?? nameInArn(input.ResourceARN));
}

/** The stream in `arn:aws:kinesis:R:A:stream/NAME`, with whatever follows it. */
function nameInArn(arn: unknown): string | undefined {
  if (typeof arn !== 'string') return undefined;
  return /^[^:]*:[^:]*:kinesis:[^:]*:[^:]*:stream\/([^/]+)/.exec(arn)?.[1];
}
