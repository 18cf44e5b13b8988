import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  CreateStreamCommand,
  KinesisClient,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { Millrace } from '@millrace/server';
import { aggregate } from '@millrace/wire';
import { checkout, millrace, temporaryFolder } from './testing/millrace-process.js';
import { server, typed } from './testing/typed.js';

// The commands for people, typed in this process against a real server.

const sdkOf = (endpoint: string): KinesisClient =>
  new KinesisClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });

test('streams are made, listed, told of and deleted', async (t) => {
  const { endpoint } = await server(t);
  const nothing = await typed(endpoint, ['streams']);
  assert.equal(nothing.stdout, '');
  assert.match(
    nothing.stderr,
    /^There are no streams at http:.*: `millrace streams create NAME` makes one\.\n$/,
  );
  assert.deepEqual(await typed(endpoint, ['streams', 'create', 'orders', 'flights', '--shards', '2']), {
    code: 0,
    stdout: 'orders is ACTIVE\nflights is ACTIVE\n',
    stderr: '',
  });
  const { stdout } = await typed(endpoint, ['streams']);
  assert.match(
    stdout,
    /^STREAM +STATUS +MODE +SHARDS +RETENTION +CONSUMERS +CREATED\nflights +ACTIVE +provisioned +2 +24 h/,
  );
  const lines = (await typed(endpoint, ['streams', '--json'])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => [JSON.parse(line).name, JSON.parse(line).openShards]),
    [
      ['flights', 2],
      ['orders', 2],
    ],
  );
  assert.equal((await typed(endpoint, ['streams', 'delete', 'orders'])).stdout, 'orders is gone\n');
  const again = await typed(endpoint, ['streams', 'delete', 'orders']);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /^millrace: ResourceNotFoundException: Stream orders .* \(`millrace streams` lists what is there\)\n$/,
  );
});

test('a put that fails before anything was accepted says only that', async (t) => {
  const { endpoint } = await server(t);
  const { code, stdout, stderr } = await typed(endpoint, ['put', 'nosuch', 'x']);
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^millrace: ResourceNotFoundException: [^\n]*\n$/);
});

test('records without a key are shown, counted, kept in files, and given one where it is needed', async (t) => {
  const { endpoint } = await server(t, { plain: 1 });
  const sdk = sdkOf(endpoint);
  t.after(() => sdk.destroy());
  const StreamName = 'auto';
  await sdk.send(
    new CreateStreamCommand({
      StreamName,
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      RecordDistributionStrategy: 'AUTO',
    }),
  );
  await typed(endpoint, ['wait', 'auto', '--quiet']);
  await sdk.send(new PutRecordsCommand({ StreamName, Records: [{ Data: Buffer.from('x') }] }));
  const [, , key, data] = (await typed(endpoint, ['tail', 'auto', '--once'])).stdout.trimEnd().split('\t');
  assert.deepEqual([key, data], ['', 'x']);
  const json = await typed(endpoint, ['tail', 'auto', '--once', '--json']);
  assert.equal(json.code, 0, json.stderr);
  assert.equal(JSON.parse(json.stdout).partitionKey, undefined);
  assert.equal((await typed(endpoint, ['tail', 'auto', '--once', '--key', ''])).stdout, '');
  const wait = ['wait', 'auto', '--records', '1', '--timeout'];
  assert.equal((await typed(endpoint, [...wait, '30s'])).code, 0);
  assert.equal((await typed(endpoint, [...wait, '1s', '--key', 'k'])).code, 1);
  const file = path.join(await temporaryFolder(t), 'auto.jsonl');
  for (const [from, to] of [
    ['auto', file],
    [file, 'plain'],
    [file, 'auto'],
  ] as const) {
    const replayed = await typed(endpoint, ['replay', from, to]);
    assert.deepEqual(
      [replayed.code, replayed.stderr.startsWith('1 record from ')],
      [0, true],
      replayed.stderr,
    );
  }
  const keyed = JSON.parse((await typed(endpoint, ['tail', 'plain', '--once', '--json'])).stdout);
  assert.match(keyed.partitionKey, /^[0-9a-f]{16}$/);
  const both = (await typed(endpoint, ['tail', 'auto', '--once', '--json'])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    both.map((line) => JSON.parse(line).partitionKey),
    [undefined, undefined],
  );
});

test('shards are a tree, a merged one names both its parents', async (t) => {
  const { endpoint } = await server(t, { orders: 2 });
  const sdk = sdkOf(endpoint);
  t.after(() => sdk.destroy());
  const StreamName = 'orders';
  const split = { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(2n ** 126n) };
  await sdk.send(new SplitShardCommand({ StreamName, ...split }));
  await typed(endpoint, ['wait', 'orders', '--quiet']);
  const merge = { ShardToMerge: 'shardId-000000000003', AdjacentShardToMerge: 'shardId-000000000001' };
  await sdk.send(new MergeShardsCommand({ StreamName, ...merge }));
  await typed(endpoint, ['wait', 'orders', '--quiet']);
  const { stdout } = await typed(endpoint, ['shards', 'orders']);
  const cells = stdout.split('\n').map((line) => line.trimEnd());
  assert.deepEqual(cells.slice(0, -1), [
    'orders  ACTIVE  2 open of 5 shards',
    '',
    'SHARD                       STATE    SHARE  RANGE                  RING',
    'shardId-000000000000        closed  50.0 %  00000000… – 7fffffff…  ████████████············',
    '├─ shardId-000000000002     open    25.0 %  00000000… – 3fffffff…  ██████··················',
    '└─ shardId-000000000003     closed  25.0 %  40000000… – 7fffffff…  ······██████············',
    '   └─ shardId-000000000004  open    75.0 %  40000000… – ffffffff…  ······██████████████████  and of shardId-000000000001',
    'shardId-000000000001        closed  50.0 %  80000000… – ffffffff…  ············████████████',
  ]);
  const open = (await typed(endpoint, ['shards', 'orders', '--open', '--json'])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    open.map((line) => JSON.parse(line).share),
    [0.25, 0.75],
  );
  const closed = await typed(endpoint, ['tail', 'orders', '--shard', '0']);
  assert.deepEqual(closed, {
    code: 1,
    stdout: '',
    stderr: 'millrace: shardId-000000000000 is closed, and nothing comes any more: read it --from horizon\n',
  });
});

test('put takes arguments, files and lines, and keys as asked', async (t) => {
  const { endpoint } = await server(t, { orders: 4 });
  const folder = await temporaryFolder(t);
  const one = await typed(endpoint, ['put', 'orders', 'hello', '--key', 'k', '--hash-key', '0']);
  assert.match(one.stdout, /^accepted in shardId-000000000000 as \d{56}\n$/);
  await writeFile(path.join(folder, 'whole'), 'two\nlines');
  await writeFile(path.join(folder, 'lines'), '{"user":{"id":7}}\r\n\n{"user":{"id":"x"}}');
  await typed(endpoint, ['put', 'orders', '--file', path.join(folder, 'whole'), '--key-by', 'data']);
  const lines = ['--lines', path.join(folder, 'lines'), '--key-by', 'field:user.id', '--json'];
  const put = (await typed(endpoint, ['put', 'orders', ...lines])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    put.map((line) => JSON.parse(line).partitionKey),
    ['7', 'x'],
  );
  const stdin = Readable.from([Buffer.from('a\nb'), Buffer.from('c\nd')]);
  const typedIn = await typed(endpoint, ['put', 'orders', '--key-by', 'shard'], { stdin });
  assert.match(typedIn.stdout, /^3 records accepted: 1 in shardId-000000000000, 1 in .*1, 1 in .*2\n$/);
  const all = await typed(endpoint, ['tail', 'orders', '--once', '--json']);
  const records = all.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    new Set(records.map(({ data }) => JSON.stringify(data))),
    new Set(['"hello"', '"two\\nlines"', '{"user":{"id":7}}', '{"user":{"id":"x"}}', '"a"', '"bc"', '"d"']),
  );
});

test('lines are put as they come, before the input ends', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  const stdin = new PassThrough();
  const putting = typed(endpoint, ['put', 'orders'], { stdin });
  stdin.write('first\n');
  const arrived = await typed(endpoint, ['wait', 'orders', '--records', '1']);
  assert.equal(arrived.code, 0);
  stdin.end();
  assert.match((await putting).stdout, /^accepted in/);
});

test('a put that waits for its input stops when it is told to, and says what was accepted', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  const stdin = new PassThrough();
  stdin.write('first\n');
  const { code, stdout } = await typed(endpoint, ['put', 'orders', '--json'], {
    stdin,
    onPrint: (_, send) => send('SIGINT'),
  });
  assert.equal(code, 130);
  assert.equal(JSON.parse(stdout).shardId, 'shardId-000000000000');
});

test('put says in one line what it cannot do', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  for (const [argv, code, message] of [
    [['put'], 2, /^millrace: put needs a stream/],
    [
      ['put', 'orders', 'x', '--key-by', 'field:a'],
      2,
      /^millrace: argument 1 is no JSON, and --key-by field:a needs it\n$/,
    ],
    [['put', 'orders', '{}', '--key-by', 'field:a'], 2, /^millrace: argument 1 has no a that can be a key/],
    [
      ['put', 'orders', 'x', '--key-by', 'magic'],
      2,
      /^millrace: --key-by is 'magic'; give random, data, shard or field:NAME\n$/,
    ],
    [['put', 'orders', '--file', '/nowhere'], 2, /^millrace: \/nowhere: no such file or directory\n$/],
    [['put', 'nowhere', 'x'], 1, /^millrace: ResourceNotFoundException/],
    [['put', 'orders', 'x'.repeat(1024 * 1024 + 1)], 1, /^millrace: \w+Exception: /],
  ] as const) {
    const said = await typed(endpoint, argv);
    assert.equal(said.code, code, said.stderr);
    assert.match(said.stderr, message);
    assert.equal(said.stderr.split('\n').length, 2, 'one line');
  }
});

test('tail decodes JSON, gzip and aggregates, and lets nothing reach the terminal', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  const sdk = sdkOf(endpoint);
  t.after(() => sdk.destroy());
  const put = (PartitionKey: string, Data: Uint8Array): Promise<unknown> =>
    sdk.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey, Data }));
  await put('json', Buffer.from('{"a":\n1}'));
  await put('gzip', gzipSync('{"b":2}'));
  await put(
    'a',
    aggregate([
      { partitionKey: 'u1', explicitHashKey: undefined, data: Buffer.from('one') },
      { partitionKey: 'u2', explicitHashKey: '9', data: gzipSync('two') },
    ]),
  );
  await put('evil\x1b[2J', Buffer.from('x\u009b31m'));
  await put('binary', Buffer.from([0xff, 0]));
  const lines = (await typed(endpoint, ['tail', 'orders', '--once'])).stdout.trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split('\t').slice(1)),
    [
      ['shardId-000000000000', 'json', '{"a":\\n1}'],
      ['shardId-000000000000', 'gzip', '{"b":2}'],
      ['shardId-000000000000', 'u1', 'one'],
      ['shardId-000000000000', 'u2', 'two'],
      ['shardId-000000000000', 'evil\\u001b[2J', Buffer.from('x\u009b31m').toString('base64')],
      ['shardId-000000000000', 'binary', '/wA='],
    ],
  );
  const seen = await typed(endpoint, ['tail', 'orders', '--once'], { terminal: true });
  const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
  assert.doesNotMatch(seen.stdout.replace(colours, ''), /(?!\n)\p{Cc}/u, 'only our own colours');
  assert.equal((await typed(endpoint, ['tail', 'orders', '--once', '--data'])).stdout.split('\n')[3], 'one');
  const json = (await typed(endpoint, ['tail', 'orders', '--once', '--json', '--key', 'u2'])).stdout;
  const { sequenceNumber, arrival, ...rest } = JSON.parse(json);
  assert.match(sequenceNumber, /^\d{56}$/);
  assert.match(arrival, /Z$/);
  assert.deepEqual(rest, {
    shardId: 'shardId-000000000000',
    subSequenceNumber: 1,
    partitionKey: 'u2',
    explicitHashKey: '9',
    gzip: true,
    encoding: 'text',
    data: 'two',
  });
});

test('tail goes on until it is stopped, or has had enough', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  const following = typed(endpoint, ['tail', 'orders', '--from', 'horizon'], {
    onPrint: (stdout, send) => {
      if (stdout.includes('last')) send('SIGINT');
    },
  });
  for (const data of ['first', 'last']) await typed(endpoint, ['put', 'orders', data]);
  const { code, stdout } = await following;
  assert.equal(code, 0);
  assert.equal(stdout.split('\n').length, 3);
  const two = await typed(endpoint, ['tail', 'orders', '--once', '--count', '1']);
  assert.match(two.stdout, /\tfirst\n$/);
});

test('tail waits for a server that is started again, and goes on where it was', async (t) => {
  const dataDir = path.join(await temporaryFolder(t), 'data');
  const before = await Millrace.start({ dataDir, create: [{ name: 'orders', shards: 1 }] });
  const { endpoint, port } = before;
  await typed(endpoint, ['put', 'orders', 'first']);
  let restarted: Promise<Millrace> | undefined;
  let asked = 0;
  const following = typed(endpoint, ['tail', 'orders', '--from', 'horizon', '--data'], {
    onPrint: (stdout, send) => {
      if (stdout === 'first\n' && asked++ === 0) {
        restarted = before.close().then(() => Millrace.start({ dataDir, port }));
        restarted.then(() => typed(endpoint, ['put', 'orders', 'second']));
      }
      if (stdout.endsWith('second\n')) send('SIGINT');
    },
  });
  const { code, stdout } = await following;
  t.after(async () => (await restarted)?.close());
  assert.equal(code, 0);
  assert.equal(stdout, 'first\nsecond\n');
});

test('what a stream holds goes into a file and back, byte for byte', async (t) => {
  const { endpoint } = await server(t, { orders: 2, copy: 3 });
  const file = path.join(await temporaryFolder(t), 'kept.jsonl');
  const sdk = sdkOf(endpoint);
  t.after(() => sdk.destroy());
  const data = [Buffer.from('text'), Buffer.from([0xff, 0, 1]), gzipSync('packed'), Buffer.from('{"a": 1}')];
  for (const [i, Data] of data.entries()) {
    await sdk.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: `k${i}`, Data }));
  }
  const users = [{ partitionKey: 'u', explicitHashKey: String(2n ** 128n - 1n), data: Buffer.from('user') }];
  await sdk.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'a', Data: aggregate(users) }));
  const out = await typed(endpoint, ['replay', 'orders', file]);
  assert.deepEqual([out.code, out.stdout, out.stderr], [0, '', `5 records from orders to ${file}\n`]);
  const back = await typed(endpoint, ['replay', file, 'copy']);
  assert.equal(back.code, 0, back.stderr);
  const copied = (await typed(endpoint, ['replay', 'copy', '-'])).stdout.trimEnd().split('\n');
  const kept = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const contents = (lines: readonly string[]): unknown[] =>
    lines
      .map((line) => [JSON.parse(line).partitionKey, JSON.parse(line).encoding, JSON.parse(line).data])
      .sort();
  assert.deepEqual(contents(copied), contents(kept));
  const user = copied.map((line) => JSON.parse(line)).find(({ partitionKey }) => partitionKey === 'u');
  assert.equal(user.shardId, 'shardId-000000000002', 'where its explicit hash key belongs');
  const twice = await typed(endpoint, ['replay', 'orders', file]);
  assert.equal(twice.code, 2);
  assert.match(twice.stderr, /kept\.jsonl: file already exists/);
  const itself = await typed(endpoint, ['replay', 'orders', 'orders']);
  assert.match(itself.stderr, /cannot be replayed into itself/);
});

test('replay keeps to a range of time and to a pace', async (t) => {
  const { endpoint } = await server(t, { copy: 1 });
  const line = (second: number): string =>
    JSON.stringify({
      partitionKey: 'k',
      arrival: `2026-01-01T00:00:0${second}.000Z`,
      encoding: 'text',
      data: String(second),
    });
  const stdin = (): Readable => Readable.from([Buffer.from(`${[1, 2, 3, 4].map(line).join('\n')}\n`)]);
  const range = ['--since', '2026-01-01T00:00:02Z', '--until', '2026-01-01T00:00:04Z'];
  const startedMs = process.hrtime.bigint();
  await typed(endpoint, ['replay', '-', 'copy', ...range, '--pace', '5'], { stdin: stdin() });
  assert.ok(process.hrtime.bigint() - startedMs >= 190_000_000n, 'one second at five times its pace');
  const { stdout } = await typed(endpoint, ['tail', 'copy', '--once', '--data']);
  assert.equal(stdout, '2\n3\n');
  const bad = await typed(endpoint, ['replay', '-', 'copy'], { stdin: Readable.from([Buffer.from('{}\n')]) });
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /line 1 of the standard input or output is no record/);
});

test('wait tells by its exit code, and what it saw', async (t) => {
  const { endpoint } = await server(t, { orders: 1 });
  assert.deepEqual(await typed(endpoint, ['wait']), {
    code: 0,
    stdout: `${endpoint} is ready\n`,
    stderr: '',
  });
  assert.equal((await typed(endpoint, ['wait', 'orders'])).stdout, 'orders is ACTIVE\n');
  await typed(endpoint, ['put', 'orders', 'a', 'b', '--key', 'k']);
  assert.equal(
    (await typed(endpoint, ['wait', 'orders', '--records', '2'])).stdout,
    'orders holds 2 of 2 records\n',
  );
  const few = await typed(endpoint, ['wait', 'orders', '--records', '3', '--timeout', '300ms']);
  assert.deepEqual(
    [few.code, few.stdout, few.stderr],
    [1, '', 'millrace: after 300ms: orders holds 2 of 3 records\n'],
  );
  const other = ['wait', 'orders', '--records', '1', '--key', 'other', '--timeout', '50ms', '--quiet'];
  assert.deepEqual(await typed(endpoint, other), { code: 1, stdout: '', stderr: '' });
  assert.equal((await typed(endpoint, ['wait', 'nowhere', '--gone'])).stdout, 'nowhere is gone\n');
  const absent = await typed('http://127.0.0.1:9', ['wait', '--timeout', '50ms']);
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /^millrace: after 50ms: nothing answers at http:\/\/127\.0\.0\.1:9 /);
});

test('env speaks each shell, and quotes what it prints', async () => {
  const env = async (...args: readonly string[]): Promise<string> =>
    (await typed('http://127.0.0.1:4567', ['env', ...args])).stdout;
  assert.match(
    await env(),
    /^export AWS_ENDPOINT_URL_KINESIS='http:\/\/127\.0\.0\.1:4567'\nexport AWS_REGION='us-east-1'\n/,
  );
  const moved = { AWS_ENDPOINT_URL_KINESIS: '', MILLRACE_PORT: '4999' };
  const { stdout } = await typed('', ['env'], { environment: moved });
  assert.match(stdout, /^export AWS_ENDPOINT_URL_KINESIS='http:\/\/127\.0\.0\.1:4999'$/m);
  assert.match(await env('--shell', 'fish', '--region', "x'; rm"), /^set -gx AWS_REGION 'x\\'; rm'$/m);
  assert.match(
    await env('--shell', 'powershell', '--account', '111122223333'),
    /^\$env:AWS_ACCESS_KEY_ID = '111122223333'$/m,
  );
  assert.match(await env('--shell', 'dotenv'), /^AWS_SECRET_ACCESS_KEY=millrace$/m);
  assert.match(await env('--unset'), /^unset AWS_REGION$/m);
});

test('a real shell evaluates env, and the reader of a pipe may leave', async (t) => {
  const endpoint = await millrace(t, [
    'serve',
    '--port',
    '0',
    '--ephemeral',
    '--create',
    'orders:1',
  ]).endpoint();
  const bin = path.join(checkout, 'packages', 'cli', 'bin', 'millrace.js');
  const script = `
millrace() { '${process.execPath}' '${bin}' "$@"; }
eval "$(millrace env --endpoint ${endpoint})"
seq 1 3000 | millrace put orders > /dev/null
millrace tail orders --from horizon | head -n 2 | cut -f 4
`;
  const shell = spawn('bash', ['-euc', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => shell.on('close', resolve));
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '1\n2\n');
  assert.equal(stderr, '');
});
