import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis';
import { streamsToCreate } from './commands/serve.js';
import { kinesisClient } from './testing/kinesis-client.js';
import type { MillraceProcess } from './testing/millrace-process.js';
import { millrace, temporaryFolder } from './testing/millrace-process.js';
import { UsageError } from './usage-error.js';

async function refused(server: MillraceProcess, complaint: RegExp): Promise<void> {
  const { code } = await server.exited;
  assert.equal(code, 2, server.stderr);
  assert.equal(server.stdout, '');
  const lines = server.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 1, `one line: ${server.stderr}`);
  assert.match(lines[0] ?? '', /^millrace: /);
  assert.match(lines[0] ?? '', complaint);
}

test('ready is one line on stdout, and SIGTERM and SIGINT end it with 0', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = millrace(t, ['serve', '--port', '0', '--ephemeral']);
    const endpoint = await server.endpoint();
    assert.match(endpoint, /^http:\/\/127\.0\.0\.1:[1-9][0-9]*$/);
    const answer = await fetch(`${endpoint}/_millrace/health`);
    assert.equal(answer.status, 200);
    await answer.text();
    server.child.kill(signal);
    assert.deepEqual(await server.exited, { code: 0, signal: null }, server.stderr);
    assert.equal(server.stdout, `Millrace is listening on ${endpoint}\n`);
  }
});

test('streams are made from flags and from the environment', async (t) => {
  const flags = millrace(t, ['serve', '--port=0', '--ephemeral', '--create', 'a:1,b:2', '--create', 'c']);
  const { StreamNames } = await kinesisClient(t, await flags.endpoint()).send(new ListStreamsCommand({}));
  assert.deepEqual(StreamNames, ['a', 'b', 'c']);

  const environment = { MILLRACE_CREATE: 'flights:4,orders:2', MILLRACE_PORT: '0', MILLRACE_EPHEMERAL: '1' };
  const server = millrace(t, ['serve'], environment);
  const kinesis = kinesisClient(t, await server.endpoint());
  for (const [name, shards] of [
    ['flights', 4],
    ['orders', 2],
  ] as const) {
    const answer = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: name }));
    assert.equal(answer.StreamDescriptionSummary?.StreamStatus, 'ACTIVE', 'ready means that they are');
    assert.equal(answer.StreamDescriptionSummary?.OpenShardCount, shards);
  }
});

test('--delay holds a stream in its states until the clock has gone so far', async (t) => {
  const server = millrace(t, ['serve', '--port=0', '--ephemeral', '--delay', '60000']);
  const endpoint = await server.endpoint();
  const kinesis = kinesisClient(t, endpoint);
  const StreamName = 'slow';
  const status = async (): Promise<string | undefined> => {
    const answer = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }));
    return answer.StreamDescriptionSummary?.StreamStatus;
  };
  const advance = async (ms: number): Promise<void> => {
    const body = JSON.stringify({ ms });
    const answer = await fetch(`${endpoint}/_millrace/clock/advance`, { method: 'POST', body });
    assert.equal(answer.status, 200, await answer.text());
  };
  assert.equal((await fetch(`${endpoint}/_millrace/clock/hold`, { method: 'POST' })).status, 200);
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await advance(59_999);
  assert.equal(await status(), 'CREATING');
  await advance(1);
  for (let now = await status(); now !== 'ACTIVE'; now = await status()) assert.equal(now, 'CREATING');
});

test('streams that are there already are left alone at the next start', async (t) => {
  const data = await temporaryFolder(t);
  const args = ['serve', '--port', '0', '--data', data, '--create', 'flights:2'];
  const first = millrace(t, args);
  const put = { StreamName: 'flights', PartitionKey: 'k', Data: Buffer.from('kept') };
  const { ShardId, SequenceNumber } = await kinesisClient(t, await first.endpoint()).send(
    new PutRecordCommand(put),
  );
  first.child.kill('SIGTERM');
  await first.exited;
  const second = millrace(t, args);
  const kinesis = kinesisClient(t, await second.endpoint());
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({ StreamName: 'flights', ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
  );
  const { Records = [] } = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
  assert.deepEqual(
    Records.map((record) => record.SequenceNumber),
    [SequenceNumber],
  );
});

test('a stop with puts under way answers them or not, but keeps each that it answered', async (t) => {
  const data = await temporaryFolder(t);
  const args = ['serve', '--port', '0', '--data', data, '--create', 'flights:1'];
  const server = millrace(t, args);
  const kinesis = kinesisClient(t, await server.endpoint());
  const answered = new Set<string>();
  let stopping = false;
  const putting = Array.from({ length: 16 }, async (_, writer) => {
    for (let i = 0; !stopping || i < 5; i++) {
      try {
        const put = { StreamName: 'flights', PartitionKey: 'k', Data: Buffer.from(`${writer}-${i}`) };
        await kinesis.send(new PutRecordCommand(put));
        answered.add(`${writer}-${i}`);
        if (answered.size === 200) server.child.kill('SIGTERM');
      } catch (error) {
        assert.ok(error instanceof Error);
        return;
      }
    }
  });
  const { code } = await server.exited;
  stopping = true;
  await Promise.all(putting);
  assert.equal(code, 0, server.stderr);
  assert.ok(answered.size >= 200);

  const reader = kinesisClient(t, await millrace(t, args).endpoint());
  let { ShardIterator } = await reader.send(
    new GetShardIteratorCommand({
      StreamName: 'flights',
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'TRIM_HORIZON',
    }),
  );
  const kept: string[] = [];
  for (;;) {
    const page = await reader.send(new GetRecordsCommand({ ShardIterator }));
    kept.push(...(page.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString()));
    if (page.MillisBehindLatest === 0) break;
    ShardIterator = page.NextShardIterator;
  }
  assert.equal(new Set(kept).size, kept.length);
  for (const each of answered) assert.ok(kept.includes(each), `${each} was answered`);
});

test('JSON logs are JSON, line for line, and the ready line stays plain', async (t) => {
  const server = millrace(t, ['serve', '--port', '0', '--ephemeral', '--log', 'json']);
  const endpoint = await server.endpoint();
  await (await fetch(endpoint, { method: 'POST', body: 'x' })).text();
  server.child.kill('SIGTERM');
  await server.exited;
  assert.equal(server.stdout, `Millrace is listening on ${endpoint}\n`);
  const lines = server.stderr.split('\n').filter((line) => line !== '');
  assert.ok(lines.length > 0, 'something is logged');
  for (const line of lines) {
    const entry: { time?: string; level?: string; message?: string } = JSON.parse(line);
    assert.ok(entry.time !== undefined && entry.level !== undefined && entry.message !== undefined, line);
  }
});

test('--log none says nothing', async (t) => {
  const server = millrace(t, ['serve', '--port', '0', '--ephemeral', '--log', 'none']);
  await server.endpoint();
  server.child.kill('SIGTERM');
  await server.exited;
  assert.equal(server.stderr, '');
});

test('an occupied port', async (t) => {
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { port } = other.address() as net.AddressInfo;
  await refused(millrace(t, ['serve', '--ephemeral', '--port', String(port)]), /port/i);
});

test('a second server on the same directory', async (t) => {
  const data = await temporaryFolder(t);
  const first = millrace(t, ['serve', '--port', '0', '--data', data]);
  const endpoint = await first.endpoint();
  await refused(millrace(t, ['serve', '--port', '0', '--data', data]), /another/i);
  assert.equal((await fetch(`${endpoint}/_millrace/health`)).status, 200, 'the first is not disturbed');
});

test('after SIGKILL the directory is free again', async (t) => {
  const data = await temporaryFolder(t);
  const first = millrace(t, ['serve', '--port', '0', '--data', data]);
  await first.endpoint();
  first.child.kill('SIGKILL');
  await first.exited;
  await millrace(t, ['serve', '--port', '0', '--data', data]).endpoint();
});

test('a clock that was moved stands no earlier after SIGKILL', async (t) => {
  const data = await temporaryFolder(t);
  const args = ['serve', '--port', '0', '--data', data];
  const clock = async (
    endpoint: string,
    what: string,
    body?: string,
  ): Promise<{ nowMs: number; held: boolean }> => {
    const method = what === '' ? 'GET' : 'POST';
    const answer = await fetch(`${endpoint}/_millrace/clock${what}`, { method, ...(body && { body }) });
    return (await answer.json()) as { nowMs: number; held: boolean };
  };
  let shownMs = 0;
  for (const [what, body, held] of [
    ['/advance', '{"ms":864000000}', false],
    ['/hold', '{}', true],
    ['/advance', '{"ms":5}', true],
    ['/release', '{}', false],
  ] as const) {
    const server = millrace(t, args);
    const endpoint = await server.endpoint();
    assert.ok((await clock(endpoint, '')).nowMs >= shownMs);
    const moved = await clock(endpoint, what, body);
    assert.equal(moved.held, held);
    shownMs = moved.nowMs;
    server.child.kill('SIGKILL');
    await server.exited;
  }
  const last = await clock(await millrace(t, args).endpoint(), '');
  assert.ok(last.nowMs >= shownMs);
  assert.equal(last.held, false);
});

test('a directory of somebody else', async (t) => {
  const data = await temporaryFolder(t);
  await writeFile(path.join(data, 'thesis.txt'), 'years of work');
  await refused(millrace(t, ['serve', '--port', '0', '--data', data]), /not Millrace/);
});

test('a directory that cannot be made', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'file');
  await writeFile(file, '');
  await refused(millrace(t, ['serve', '--port', '0', '--data', file]), /--data/);
  await refused(millrace(t, ['serve', '--port', '0', '--data', path.join(file, 'below')]), /--data/);
});

const asRoot = process.getuid?.() === 0;
test('a directory that may not be written', { skip: asRoot && 'root may write anywhere' }, async (t) => {
  const data = await temporaryFolder(t);
  await chmod(data, 0o555);
  await refused(millrace(t, ['serve', '--port', '0', '--data', data]), /--data/);
});

test('a host that others can reach needs --insecure, which warns', async (t) => {
  await refused(millrace(t, ['serve', '--port', '0', '--ephemeral', '--host', '0.0.0.0']), /--insecure/);
  const server = millrace(t, ['serve', '--port', '0', '--ephemeral', '--host', '0.0.0.0', '--insecure']);
  await server.endpoint();
  await server.printed(/warn/i);
});

test('a host that is none of this machine’s', async (t) => {
  const args = ['serve', '--port', '0', '--ephemeral', '--insecure', '--host', '203.0.113.7'];
  const server = millrace(t, args);
  const { code } = await server.exited;
  assert.equal(code, 2, server.stderr);
});

test('bad flags, and flags that contradict each other', async (t) => {
  await refused(millrace(t, ['serve', '--prot', '1']), /unknown option --prot; did you mean --port\?/);
  await refused(millrace(t, ['serve', '--port', '65536']), /--port is '65536'/);
  await refused(millrace(t, ['serve', '--create', 'a:0']), /--create holds 'a:0'/);
  await refused(millrace(t, ['serve', '--ephemeral', '--data', '/tmp/x']), /give one of them/);
  await refused(millrace(t, ['serve'], { MILLRACE_LOG: 'loud' }), /MILLRACE_LOG is 'loud'/);
  await refused(millrace(t, ['sevre']), /did you mean serve\?/);
});

test('certificates that contradict each other or do not make a pair', async (t) => {
  const folder = await temporaryFolder(t);
  const file = path.join(folder, 'c.pem');
  await writeFile(file, 'junk');
  const serve = (...args: string[]): MillraceProcess =>
    millrace(t, ['serve', '--port', '0', '--ephemeral', ...args]);
  await refused(serve('--cert', file), /--cert and --key belong together/);
  await refused(serve('--tls', '--cert', file, '--key', file), /give one of them/);
  await refused(serve('--tls-only'), /--tls-only needs a certificate/);
  await refused(serve('--cert', file, '--key', file), /is no certificate in PEM/);
  await refused(serve('--cert', path.join(folder, 'none'), '--key', file), /none is not there/);
  await refused(serve('--tls', '--name', 'a name'), /DNS name or an address/);
});

test('help names every flag and variable', async (t) => {
  for (const args of [['--help'], ['help'], []]) {
    const help = millrace(t, args);
    assert.equal((await help.exited).code, 0);
    for (const wanted of ['serve', 'demo', 'tail', 'help [command]', 'AWS_ENDPOINT_URL']) {
      assert.ok(help.stdout.includes(wanted), `${args.join(' ')}: ${wanted}`);
    }
  }
  for (const args of [
    ['help', 'serve'],
    ['serve', '--help'],
  ]) {
    const help = millrace(t, args);
    assert.equal((await help.exited).code, 0);
    for (const wanted of [
      '--port',
      '--host',
      '--data',
      '--ephemeral',
      '--create',
      '--log',
      'MILLRACE_CREATE',
    ]) {
      assert.ok(help.stdout.includes(wanted), `${args.join(' ')}: ${wanted}`);
    }
    assert.equal(help.stderr, '');
  }
  const version = millrace(t, ['--version']);
  await version.exited;
  assert.match(version.stdout, /^[0-9]+\.[0-9]+\.[0-9]+\n$/);
});

test('streams to create are read strictly', () => {
  assert.deepEqual(streamsToCreate(['flights:4, orders:2', 'x']), [
    { name: 'flights', shards: 4 },
    { name: 'orders', shards: 2 },
    { name: 'x', shards: 1 },
  ]);
  assert.deepEqual(streamsToCreate([]), []);
  for (const text of ['a:', ':4', 'a:x', 'a b', 'a:1:2', 'a:-1']) {
    assert.throws(() => streamsToCreate([text], 'MILLRACE_CREATE'), UsageError, text);
  }
});
