/** Calls outside the measured path (creating streams, finding shards, iterators): JSON over HTTP/1.1, parsed whole. */
import { Http1Connection } from './http1-connection.mjs';
import { jsonRequest } from './requests.mjs';

const ACTIVE_TRIES_MAX = 500;
const ACTIVE_PAUSE_MS = 10;
/** Streams that are made at the same time. */
const MAKERS = 128;

export async function call(connection, operation, input) {
  const answer = await connection.send(jsonRequest('http1', operation, input));
  const text = answer.body.toString();
  if (answer.status !== 200) {
    const error = new Error(`${operation} was answered with ${answer.status}: ${text.slice(0, 300)}`);
    throw Object.assign(error, { status: answer.status });
  }
  return text === '' ? {} : JSON.parse(text);
}

/** Creates a stream, waits until it is active and answers the ids of its shards. */
export async function createStream(port, stream, shards) {
  const connection = await Http1Connection.connect(port);
  await call(connection, 'CreateStream', { StreamName: stream, ShardCount: shards });
  await untilActive(connection, stream);
  const { Shards } = await call(connection, 'ListShards', { StreamName: stream });
  connection.close();
  if (Shards.length !== shards) throw new Error(`${stream} has ${Shards.length} shards, not ${shards}`);
  return Shards.map((shard) => shard.ShardId);
}

/**
 * Makes `count` streams named `PREFIX-0` and so on, many at a time, and waits until all are active.
 *
 * @returns the milliseconds that it took
 */
export async function createStreams(port, prefix, count, shards) {
  const started = performance.now();
  let next = 0;
  const maker = async () => {
    const connection = await Http1Connection.connect(port);
    try {
      while (next < count) {
        const input = { StreamName: `${prefix}-${next++}`, ShardCount: shards };
        await call(connection, 'CreateStream', input);
        await untilActive(connection, input.StreamName);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, maker));
  return performance.now() - started;
}

/** Has what is put into `stream` from here on encrypted. */
export async function encryptStream(port, stream) {
  const connection = await Http1Connection.connect(port);
  const key = { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' };
  await call(connection, 'StartStreamEncryption', { StreamName: stream, ...key });
  await untilActive(connection, stream);
  connection.close();
}

async function untilActive(connection, stream) {
  for (let tries = 0; ; tries++) {
    const answer = await call(connection, 'DescribeStreamSummary', { StreamName: stream });
    if (answer.StreamDescriptionSummary.StreamStatus === 'ACTIVE') return;
    if (tries === ACTIVE_TRIES_MAX) throw new Error(`${stream} did not become active`);
    await new Promise((resolve) => setTimeout(resolve, ACTIVE_PAUSE_MS));
  }
}

/** An iterator at the start of a shard. */
export async function horizon(connection, stream, shardId) {
  const { ShardIterator } = await call(connection, 'GetShardIterator', {
    StreamName: stream,
    ShardId: shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  });
  return ShardIterator;
}
