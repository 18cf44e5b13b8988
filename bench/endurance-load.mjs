/**
 * Loads of many gigabytes: what runs for minutes, or reads what another run has left.
 *
 *      flow       stream 0 ─▶ stream 1 ─▶ stream 2 …      filled in turn; while one is filled the one before is read
 *                                                         once and deleted, so that the disk holds about two of them
 *      catchUp    shard 0, 25, 50 … of a thousand         each from its start to its tip, one after another
 */
import { call, createStream } from './calls.mjs';
import { Http1Connection } from './http1-connection.mjs';
import { putLoad, Sent } from './put-load.mjs';
import { readOnce } from './read-load.mjs';

const PLAIN = { recordsPerRequest: 500, recordBytes: 1024 };
/** What one stream of a mixed flow is made of: the sizes that fill memory in different ways. */
const MIXES = [
  PLAIN,
  // A body of 14 MB.
  { recordsPerRequest: 10, recordBytes: 1_000_000 },
  { recordsPerRequest: 500, recordBytes: 100 },
  { recordsPerRequest: 500, recordBytes: 10_240 },
];
const CONNECTIONS = 4;
const SHARDS = 4;

export async function shardsOf(port, stream) {
  const connection = await Http1Connection.connect(port);
  try {
    const { Shards } = await call(connection, 'ListShards', { StreamName: stream });
    return Shards.map((shard) => shard.ShardId);
  } finally {
    connection.close();
  }
}

/** @param job `{ port, stream, recordBytes, shardsRead }` @returns the megabytes of data that were read each second */
export async function catchUp({ port, stream, recordBytes, shardsRead }) {
  const shardIds = await shardsOf(port, stream);
  const every = Math.max(1, Math.floor(shardIds.length / shardsRead));
  let records = 0;
  const started = performance.now();
  for (let i = 0; i < shardIds.length; i += every) {
    records += await readOnce({ port, stream, shardId: shardIds[i], protocol: 'http1', format: 'json' });
  }
  const seconds = (performance.now() - started) / 1000;
  return { readRecords: records, megabytesPerSecond: (records * recordBytes) / seconds / 1e6 };
}

/**
 * @param job `{ port, flowBytes, streamBytes, mixed }`: how much passes through in all, and into each stream; whether in
 *   records of all sizes
 * @returns how much did, and how many records were put and read
 */
export async function flow({ port, flowBytes, streamBytes, mixed }) {
  let bytes = 0;
  let putRecords = 0;
  let readRecords = 0;
  let former;
  for (let turn = 0; bytes < flowBytes; turn++) {
    const mix = mixed ? MIXES[turn % MIXES.length] : PLAIN;
    const stream = `flow-${turn}`;
    const shardIds = await createStream(port, stream, SHARDS);
    const [sent, read] = await Promise.all([fill(port, stream, mix, streamBytes), readAll(port, former)]);
    putRecords += sent.records;
    bytes += sent.records * mix.recordBytes;
    readRecords += read;
    if (former !== undefined) await deleteStream(port, former.stream);
    former = { stream, shardIds, records: sent.records };
  }
  readRecords += await readAll(port, former);
  if (readRecords !== putRecords) throw new Error(`${putRecords} records were put, ${readRecords} were read`);
  return { flowedBytes: bytes, putRecords };
}

async function deleteStream(port, stream) {
  const connection = await Http1Connection.connect(port);
  try {
    await call(connection, 'DeleteStream', { StreamName: stream });
  } finally {
    connection.close();
  }
}

async function fill(port, stream, mix, bytesMax) {
  const sent = new Sent(mix.recordsPerRequest);
  const requests = Math.ceil(bytesMax / (mix.recordsPerRequest * mix.recordBytes));
  await putLoad(
    { port, protocol: 'http1', format: 'json', stream, connections: CONNECTIONS, ...mix },
    sent,
    (count) => count >= requests,
    () => undefined,
  );
  return sent;
}

async function readAll(port, former) {
  if (former === undefined) return 0;
  const { stream, shardIds, records } = former;
  let read = 0;
  for (const shardId of shardIds)
    read += await readOnce({ port, stream, shardId, protocol: 'http1', format: 'json' });
  if (read !== records) throw new Error(`${stream} took ${records} records, ${read} were read back`);
  return read;
}
