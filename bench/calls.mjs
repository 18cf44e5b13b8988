/** Calls outside the measured path (creating streams, finding shards, iterators): JSON over HTTP/1.1, parsed whole. */
import { Http1Connection } from './http1-connection.mjs';
import { jsonRequest } from './requests.mjs';

const ACTIVE_TRIES_MAX = 500;
const ACTIVE_PAUSE_MS = 10;

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
  for (let tries = 0; ; tries++) {
    const { StreamDescriptionSummary } = await call(connection, 'DescribeStreamSummary', {
      StreamName: stream,
    });
    if (StreamDescriptionSummary.StreamStatus === 'ACTIVE') break;
    if (tries === ACTIVE_TRIES_MAX) throw new Error(`${stream} did not become active`);
    await new Promise((resolve) => setTimeout(resolve, ACTIVE_PAUSE_MS));
  }
  const { Shards } = await call(connection, 'ListShards', { StreamName: stream });
  connection.close();
  if (Shards.length !== shards) throw new Error(`${stream} has ${Shards.length} shards, not ${shards}`);
  return Shards.map((shard) => shard.ShardId);
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
