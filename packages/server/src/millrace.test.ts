import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ListStreamsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { cborProtocol, structure } from '@millrace/wire';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Millrace, type MillraceOptions } from './millrace.js';
import { StartError, type StartErrorCode } from './start-error.js';
import { getRecords } from './streams/operations/get-records.js';
import { getShardIterator } from './streams/operations/get-shard-iterator.js';
import { putRecords } from './streams/operations/put-records.js';
import { http2Request, until } from './testing/gateway-fixture.js';
import { RawClient, requestText } from './testing/raw-client.js';

const patience = { timeout: 60_000 };

/** The unmodified client, over its default (HTTP/2 with prior knowledge) or over HTTP/1.1. */
function clientOf(millrace: Millrace, http1: boolean): KinesisClient & Disposable {
  const client = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...(http1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

async function scratch(): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-'));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

async function readAll(client: KinesisClient, StreamName: string): Promise<readonly string[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName }));
  const found: string[] = [];
  for (const { ShardId } of Shards) {
    const start = await client.send(
      new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    let ShardIterator = start.ShardIterator;
    for (let behind = 1; ShardIterator !== undefined && behind > 0; ) {
      const page = await client.send(new GetRecordsCommand({ ShardIterator }));
      for (const { Data } of page.Records ?? []) found.push(Buffer.from(Data ?? '').toString());
      behind = page.MillisBehindLatest ?? 0;
      ShardIterator = page.NextShardIterator;
    }
  }
  return found;
}

for (const http1 of [false, true]) {
  const over = http1 ? 'HTTP/1.1' : 'HTTP/2';
  test(`the SDK creates, puts, splits, merges, reads back and deletes over ${over}`, patience, async () => {
    await using millrace = await Millrace.start({ ephemeral: true });
    using client = clientOf(millrace, http1);
    const StreamName = 's';
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
    await active(client, StreamName);
    const sent = Array.from({ length: 300 }, (_, i) => `record ${i}`);
    const put = await client.send(
      new PutRecordsCommand({
        StreamName,
        Records: sent.slice(1).map((text, i) => ({ PartitionKey: `key ${i}`, Data: Buffer.from(text) })),
      }),
    );
    assert.equal(put.FailedRecordCount, 0);
    assert.equal(put.Records?.length, 299);
    const one = await client.send(
      new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.from(sent[0] ?? '') }),
    );
    assert.match(one.SequenceNumber ?? '', /^\d{56}$/);
    assert.deepEqual([...(await readAll(client, StreamName))].sort(), [...sent].sort());
    await client.send(
      new SplitShardCommand({
        StreamName,
        ShardToSplit: 'shardId-000000000000',
        NewStartingHashKey: (2n ** 126n).toString(),
      }),
    );
    await active(client, StreamName);
    await client.send(
      new MergeShardsCommand({
        StreamName,
        ShardToMerge: 'shardId-000000000003',
        AdjacentShardToMerge: 'shardId-000000000001',
      }),
    );
    await active(client, StreamName);
    assert.deepEqual([...(await readAll(client, StreamName))].sort(), [...sent].sort());
    await client.send(new DeleteStreamCommand({ StreamName }));
    await until(() => !millrace.clock.held);
    for (;;) {
      const { StreamNames = [] } = await client.send(new ListStreamsCommand({}));
      if (StreamNames.length === 0) break;
    }
    await assert.rejects(client.send(new ListShardsCommand({ StreamName })), {
      name: 'ResourceNotFoundException',
      message: 'Stream s under account 123456789012 not found.',
    });
  });

  test(`the largest PutRecords and GetRecords pass over ${over}`, patience, async () => {
    await using millrace = await Millrace.start({ ephemeral: true, create: [{ name: 's', shards: 1 }] });
    using client = clientOf(millrace, http1);
    const Data = Buffer.alloc(1024 * 1024 - 1, 'x');
    const Records = Array.from({ length: 10 }, () => ({ PartitionKey: 'k', Data }));
    assert.equal(
      (await client.send(new PutRecordsCommand({ StreamName: 's', Records }))).FailedRecordCount,
      0,
    );
    assert.equal((await readAll(client, 's')).length, 10);
  });
}

async function active(client: KinesisClient, StreamName: string): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary } = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
    if (StreamDescriptionSummary?.StreamStatus === 'ACTIVE') return;
  }
}

test('CBOR puts and reads as JSON does, over both protocols', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true, create: [{ name: 's', shards: 1 }] });
  const headers = (operation: string): Record<string, string> => ({
    'content-type': 'application/x-amz-cbor-1.1',
    'x-amz-target': `Kinesis_20131202.${operation}`,
  });
  const put = cborProtocol.encode(putRecords.input, {
    StreamName: 's',
    Records: [{ PartitionKey: 'k', Data: Buffer.from('ünï') }],
  });
  assert.equal((await http2Request(millrace.port, headers('PutRecords'), put)).status, 200);
  const client = new RawClient(millrace.port);
  const iterator = cborProtocol.encode(getShardIterator.input, {
    StreamName: 's',
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  });
  const send = async (operation: string, body: Uint8Array): Promise<Buffer> => {
    await client.write(
      requestText({ headers: headers(operation), body: Buffer.from(body).toString('latin1') }),
    );
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/x-amz-cbor-1.1');
    return Buffer.from(answer.body, 'latin1');
  };
  const { ShardIterator = '' } = cborProtocol.decode(
    getShardIterator.output,
    await send('GetShardIterator', iterator),
  );
  const page = await send('GetRecords', cborProtocol.encode(getRecords.input, { ShardIterator }));
  const { Records } = cborProtocol.decode(getRecords.output, page);
  assert.deepEqual(
    Records.map(({ PartitionKey, Data }) => [PartitionKey, Buffer.from(Data).toString()]),
    [['k', 'ünï']],
  );
  client.destroy();
});

test('operations that are not offered answer UnknownOperationException', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true });
  const unknown = { status: 400, body: '{"__type":"UnknownOperationException"}' };
  const later = {
    status: 400,
    body: '{"__type":"UnknownOperationException","message":"CreateChannel is not offered by this server yet."}',
  };
  for (const [target, expected] of [
    ['Kinesis_20131202.CreateChannel', later],
    ['Kinesis_20131202.Nonsense', unknown],
    ['DynamoDB_20120810.ListTables', unknown],
  ] as const) {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    assert.deepEqual(await http2Request(millrace.port, headers, '{}'), expected);
  }
});

test('what was put is there after a restart, and time has not gone back', patience, async () => {
  await using kept = await scratch();
  const dataDir = path.join(kept.directory, 'made', 'on the way');
  const far = Date.UTC(2100, 0, 1);
  {
    await using millrace = await Millrace.start({ dataDir, create: [{ name: 's', shards: 2 }] });
    using client = clientOf(millrace, false);
    await client.send(
      new PutRecordCommand({ StreamName: 's', PartitionKey: 'a', Data: Buffer.from('first') }),
    );
    millrace.clock.hold(far);
    await client.send(
      new PutRecordCommand({ StreamName: 's', PartitionKey: 'a', Data: Buffer.from('second') }),
    );
  }
  assert.equal(
    await readFile(path.join(dataDir, 'millrace.json'), 'utf8'),
    '{"format":"millrace","version":1}\n',
  );
  await using millrace = await Millrace.start({
    dataDir,
    create: [
      { name: 's', shards: 1 },
      { name: 't', shards: 1 },
    ],
  });
  assert.ok(millrace.clock.now() >= far);
  using client = clientOf(millrace, false);
  assert.deepEqual(await readAll(client, 's'), ['first', 'second'].slice(1), 'the first expired in 2026');
  const { Shards } = await client.send(new ListShardsCommand({ StreamName: 's' }));
  assert.equal(Shards?.length, 2, 'a stream that is there is left as it is');
});

test('accounts and regions have names of their own', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true, create: [{ name: 's', shards: 1 }] });
  const names = async (accessKeyId: string, region: string): Promise<readonly string[]> => {
    const credentials = { accessKeyId, secretAccessKey: 'x' };
    const client = new KinesisClient({ endpoint: millrace.endpoint, region, credentials });
    try {
      return (await client.send(new ListStreamsCommand({}))).StreamNames ?? [];
    } finally {
      client.destroy();
    }
  };
  assert.deepEqual(await names('AKIDEXAMPLE', 'us-east-1'), ['s']);
  assert.deepEqual(await names('123456789012', 'us-east-1'), ['s']);
  assert.deepEqual(await names('210987654321', 'us-east-1'), []);
  assert.deepEqual(await names('AKIDEXAMPLE', 'eu-west-1'), []);
});

test('health tells of readiness, and control is closed to foreign names and pages', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true });
  const client = new RawClient(millrace.port);
  const health = async (headers: { readonly [name: string]: string }): Promise<number> => {
    await client.write(requestText({ method: 'GET', path: '/_millrace/health', headers }));
    return (await client.response()).status;
  };
  assert.equal(await health({}), 200);
  assert.equal(await health({ host: 'evil.example' }), 403);
  assert.equal(await health({ origin: 'http://evil.example' }), 403);
  assert.equal(
    (await http2Request(millrace.port, { ':method': 'GET', ':path': '/_millrace/health' }, '')).status,
    200,
  );
  assert.equal(
    (
      await http2Request(
        millrace.port,
        { ':method': 'GET', ':path': '/_millrace/health', ':authority': 'evil.example' },
        '',
      )
    ).status,
    403,
  );
  client.destroy();
});

test(
  'a reset forgets everything while requests are in flight, and each of them sees one state',
  patience,
  async () => {
    await using millrace = await Millrace.start({ ephemeral: true, create: [{ name: 's', shards: 4 }] });
    using client = clientOf(millrace, false);
    let refused = 0;
    const puts = Array.from({ length: 200 }, async (_, i) => {
      try {
        const Records = [{ PartitionKey: `${i}`, Data: Buffer.from(`${i}`) }];
        const answer = await client.send(new PutRecordsCommand({ StreamName: 's', Records }));
        assert.equal(answer.FailedRecordCount, 0);
      } catch (error) {
        assert.equal((error as Error).name, 'ResourceNotFoundException');
        refused++;
      }
    });
    const reset = fetch(`${millrace.endpoint}/_millrace/reset`, { method: 'POST' });
    await Promise.all(puts);
    assert.equal((await reset).status, 200);
    assert.deepEqual((await client.send(new ListStreamsCommand({}))).StreamNames, []);
    await client.send(new CreateStreamCommand({ StreamName: 's', ShardCount: 1 }));
    await active(client, 's');
    assert.deepEqual(await readAll(client, 's'), []);
    assert.ok(refused <= 200);
  },
);

test('a held clock stands for streams and runs for sockets', patience, async () => {
  const clock = new AdjustableClock(new SystemClock());
  clock.hold();
  await using millrace = await Millrace.start({ ephemeral: true, clock, create: [{ name: 's', shards: 1 }] });
  using client = clientOf(millrace, false);
  const status = async (): Promise<string | undefined> =>
    (await client.send(new DescribeStreamSummaryCommand({ StreamName: 's' }))).StreamDescriptionSummary
      ?.StreamStatus;
  assert.equal(await status(), 'CREATING');
  assert.equal(millrace.clock, clock);
  clock.advance(1_000);
  await active(client, 's');
});

const json = { 'content-type': 'application/x-amz-json-1.1' };

async function startFails(options: MillraceOptions, code: StartErrorCode, says: RegExp): Promise<void> {
  await assert.rejects(Millrace.start(options), (error) => {
    assert.ok(error instanceof StartError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, says);
    assert.ok(!error.message.includes('\n'));
    return true;
  });
}

test('a start that cannot be says what to do', patience, async () => {
  await using kept = await scratch();
  const at = (name: string): string => path.join(kept.directory, name);
  await startFails({}, 'bad-option', /give one of the two/);
  await startFails({ ephemeral: true, dataDir: at('x') }, 'bad-option', /give one of the two/);
  await startFails({ ephemeral: true, port: 65_536 }, 'bad-option', /whole number from 0 to 65535/);
  await startFails({ ephemeral: true, host: '0.0.0.0' }, 'insecure', /say --insecure/);
  await startFails(
    { ephemeral: true, host: '192.0.2.1', insecure: true },
    'cannot-listen',
    /address of this machine/,
  );
  await startFails(
    { ephemeral: true, create: [{ name: 'no spaces', shards: 1 }] },
    'bad-option',
    /was not made/,
  );

  const occupying = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => occupying.once('listening', resolve));
  const { port } = occupying.address() as { port: number };
  await startFails({ ephemeral: true, port }, 'port-occupied', /in use: choose another with --port/);
  const next = await Millrace.start({ ephemeral: true, port, portFallback: true });
  assert.ok(next.port > port);
  await next.close();
  occupying.close();

  await mkdir(at('foreign'));
  await writeFile(at('foreign/notes.txt'), 'mine');
  await startFails({ dataDir: at('foreign') }, 'foreign', /not Millrace's: choose an empty or new one/);
  await mkdir(at('newer'));
  await writeFile(at('newer/millrace.json'), '{"format":"millrace","version":2}');
  await startFails({ dataDir: at('newer') }, 'foreign', /layout version 2/);
  for (const [i, text] of ['', '[]', '{"format":"other","version":1}', '{"version":1}'].entries()) {
    await mkdir(at(`odd${i}`));
    await writeFile(at(`odd${i}/millrace.json`), text);
    await startFails({ dataDir: at(`odd${i}`) }, 'foreign', /not Millrace's/);
  }
  await writeFile(at('file'), '');
  await startFails({ dataDir: at('file') }, 'unwritable', /cannot be used/);
  await startFails({ dataDir: at('file/below') }, 'unwritable', /choose another with --data/);
});

test('an unwritable directory is refused', {
  ...patience,
  skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
}, async () => {
  await using kept = await scratch();
  await chmod(kept.directory, 0o500);
  await startFails({ dataDir: path.join(kept.directory, 'data') }, 'unwritable', /make it writable/);
  await chmod(kept.directory, 0o700);
});

test('a directory that a file system refuses to make is refused, and not tried for ever', {
  ...patience,
  skip: process.platform === 'linux' ? false : 'only /proc answers ENOENT beneath a directory that is there',
}, async () => {
  await startFails({ dataDir: '/proc/millrace/data' }, 'unwritable', /cannot be used \(ENOENT\)/);
});

test('the data directory is made with all that is missing above it', patience, async () => {
  await using kept = await scratch();
  const dataDir = path.join(kept.directory, 'a', 'b', 'data');
  await (await Millrace.start({ port: 0, dataDir })).close();
  assert.match(await readFile(path.join(dataDir, 'millrace.json'), 'utf8'), /"format":"millrace"/);
});

test('a second server on the same data is refused, and the first goes on', patience, async () => {
  await using kept = await scratch();
  const dataDir = path.join(kept.directory, 'data');
  await using first = await Millrace.start({ dataDir });
  await startFails({ dataDir }, 'locked', /Another server has the data directory .*: stop it/);
  assert.equal(
    (await http2Request(first.port, { ...json, 'x-amz-target': 'Kinesis_20131202.ListStreams' }, '{}'))
      .status,
    200,
  );
  await first.close();
  await using second = await Millrace.start({ dataDir });
  assert.ok(second.port > 0);
});

test('an empty directory that two servers find at once goes to one of them', patience, async () => {
  await using kept = await scratch();
  const started = await Promise.allSettled([1, 2, 3].map(() => Millrace.start({ dataDir: kept.directory })));
  const up = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const refused = started.flatMap((each) => (each.status === 'rejected' ? [each.reason as StartError] : []));
  assert.equal(up.length, 1);
  assert.deepEqual(
    refused.map(({ code }) => code),
    ['locked', 'locked'],
  );
  await up[0]?.close();
});

test('close may be called twice, and lets a request in flight finish', patience, async () => {
  await using kept = await scratch();
  const millrace = await Millrace.start({ dataDir: kept.directory, create: [{ name: 's', shards: 1 }] });
  const client = new RawClient(millrace.port);
  const body = JSON.stringify({ StreamName: 's', PartitionKey: 'k', Data: 'YQ==' });
  await client.write(
    requestText({ headers: { ...json, 'x-amz-target': 'Kinesis_20131202.PutRecord' }, body }).slice(0, -1),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  const closing = Promise.all([millrace.close(), millrace.close()]);
  await client.write('}');
  const { status } = await client.response();
  assert.ok(status === 200 || status === 503, 'it was in flight or it came too late, and it is told which');
  await closing;
  await assert.rejects(fetch(`${millrace.endpoint}/_millrace/health`));
});

const anything = structure('Anything', {});
test('an unknown CBOR body is refused in CBOR', patience, async () => {
  await using millrace = await Millrace.start({ ephemeral: true });
  const headers = {
    'content-type': 'application/x-amz-cbor-1.1',
    'x-amz-target': 'Kinesis_20131202.ListStreams',
  };
  const { status, body } = await http2Request(millrace.port, headers, Uint8Array.of(0xff));
  assert.equal(status, 400);
  assert.ok(cborProtocol.decode(anything, Buffer.from(body, 'latin1')));
  assert.match(body, /SerializationException/);
});
