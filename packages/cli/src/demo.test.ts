import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { seededRandom } from '@millrace/base';
import type { Checkpoint } from './demo/checkpoint.js';
import { checkout, millrace, temporaryFolder } from './testing/millrace-process.js';

const flightsFile = path.join(checkout, 'node_modules', 'vega-datasets', 'data', 'flights-20k.json');
const passEvents = 20_000;

interface Row {
  readonly origin: string;
  readonly delay: number;
}

function client(t: TestContext, endpoint: string): KinesisClient {
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  const kinesis = new KinesisClient({ endpoint, region: 'us-east-1', credentials });
  t.after(() => kinesis.destroy());
  return kinesis;
}

/** The means' numerators and denominators straight from the file, by other code than the demonstration's. */
async function straightFromTheFile(
  passes: number,
): Promise<Record<string, { flights: number; delayMinutes: number }>> {
  const rows: readonly Row[] = JSON.parse(await readFile(flightsFile, 'utf8'));
  const airports: Record<string, { flights: number; delayMinutes: number }> = {};
  for (const { origin, delay } of rows) {
    airports[origin] ??= { flights: 0, delayMinutes: 0 };
    airports[origin].flights += passes;
    airports[origin].delayMinutes += delay * passes;
  }
  return airports;
}

async function checkpointIn(data: string): Promise<Checkpoint> {
  return JSON.parse(await readFile(path.join(data, 'demo', 'checkpoint.json'), 'utf8'));
}

/** The numbers of every event in the stream, shard by shard. */
async function numbersInTheStream(kinesis: KinesisClient): Promise<number[]> {
  const numbers: number[] = [];
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: 'flights' }));
  for (const { ShardId } of Shards) {
    const from = { StreamName: 'flights', ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(from));
    while (ShardIterator !== undefined) {
      const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
      for (const { Data = new Uint8Array() } of page.Records ?? []) {
        const event: { n: number } = JSON.parse(Buffer.from(Data).toString());
        numbers.push(event.n);
      }
      if (page.MillisBehindLatest === 0 && page.Records?.length === 0) break;
      ShardIterator = page.NextShardIterator;
    }
  }
  return numbers;
}

const seed = Date.now() % 1_000_000;
test(`killed three times at random moments, it counts every event exactly once (seed ${seed})`, async (t) => {
  const random = seededRandom(seed);
  const data = await temporaryFolder(t);
  const args = ['demo', '--once', '--port', '0', '--data', data];
  for (let kill = 0; kill < 3; kill++) {
    const killed = millrace(t, [...args, '--rate', '1500']);
    await killed.endpoint();
    await wait(100 + random.integer(1_500));
    killed.child.kill('SIGKILL');
    await killed.exited;
  }
  const before = await checkpointIn(data);
  assert.ok(before.counted.through < passEvents, 'the pass was cut off');

  const last = millrace(t, [...args, '--rate', 'max']);
  assert.deepEqual(await last.exited, { code: 0, signal: null }, last.stderr + last.stdout);
  assert.match(last.stdout, /1 … 20,000: every number counted exactly once/);
  assert.match(last.stdout, /Statistics +those of the data file, for all 220 airports/);

  const checkpoint = await checkpointIn(data);
  assert.deepEqual(checkpoint.counted, { through: passEvents, beyond: [] });
  assert.equal(checkpoint.lost, 0);
  assert.equal(checkpoint.clean, true);
  assert.deepEqual([checkpoint.runs, checkpoint.crashes], [4, 3]);
  const counted = Object.fromEntries(
    Object.entries(checkpoint.airports).map(([code, { flights, delayMinutes }]) => [
      code,
      { flights, delayMinutes },
    ]),
  );
  assert.deepEqual(counted, await straightFromTheFile(1));

  const server = millrace(t, ['serve', '--port', '0', '--data', data]);
  const numbers = await numbersInTheStream(client(t, await server.endpoint()));
  assert.equal(new Set(numbers).size, passEvents);
  assert.equal(numbers.length - passEvents, checkpoint.duplicates, 'what was dropped is what is there twice');
});

test('what others put is counted apart, a split is followed, and a stop is in order', async (t) => {
  const data = await temporaryFolder(t);
  const running = millrace(t, ['demo', '--port', '0', '--data', data, '--rate', '500']);
  const kinesis = client(t, await running.endpoint());
  await running.printed(/[1-9][0-9]* counted/);
  const Records = ['hello', '{"n":1}', ''].map((text) => ({ PartitionKey: 'ORD', Data: Buffer.from(text) }));
  await kinesis.send(new PutRecordsCommand({ StreamName: 'flights', Records }));
  const split = { StreamName: 'flights', ShardToSplit: 'shardId-000000000003' };
  await kinesis.send(
    new SplitShardCommand({ ...split, NewStartingHashKey: String(2n ** 127n + 2n ** 126n + 2n ** 125n) }),
  );
  await running.printed(/3 foreign \| shards \S+ \S+ \S+ \S+ \S+ \|/);
  running.child.kill('SIGINT');
  assert.deepEqual(await running.exited, { code: 0, signal: null }, running.stderr);
  assert.match(running.stdout, /Stopped in order\./);
  assert.match(running.stdout, /every number counted exactly once/);
  assert.match(running.stdout, /Foreign +3/);
  assert.match(running.stdout, /Statistics +those of the data file/);
  assert.match(running.stdout, /npx millrace serve/);
  const checkpoint = await checkpointIn(data);
  assert.equal(checkpoint.clean, true);
  assert.equal(checkpoint.shards['shardId-000000000003']?.position, 'SHARD_END');

  const again = millrace(t, ['demo', '--once', '--port', '0', '--data', data, '--rate', 'max']);
  assert.equal((await again.exited).code, 0, again.stderr);
  assert.match(again.stdout, /after a stop in order: 0 lost, 0 duplicates dropped/);
  assert.match(again.stdout, /1 … 20,000: every number counted exactly once/);
});

test('a demonstration that finds its memory damaged says what to do', async (t) => {
  const data = await temporaryFolder(t);
  const first = millrace(t, ['demo', '--once', '--port', '0', '--data', data, '--rate', 'max']);
  await first.exited;
  await writeFile(path.join(data, 'demo', 'checkpoint.json'), '{');
  const second = millrace(t, ['demo', '--once', '--port', '0', '--data', data]);
  assert.equal((await second.exited).code, 2);
  assert.match(
    second.stderr,
    /^millrace: the demonstration's memory in .* is damaged .*: remove that folder/,
  );
});

test('when its reader goes away it stops in order', async (t) => {
  const data = await temporaryFolder(t);
  const running = millrace(t, ['demo', '--port', '0', '--data', data]);
  await running.printed(/[1-9][0-9]* counted/);
  running.child.stdout?.destroy();
  assert.deepEqual(await running.exited, { code: 0, signal: null }, running.stderr);
  assert.equal((await checkpointIn(data)).clean, true);
});

const script = spawnSync('script', ['--version'], { encoding: 'utf8' });
const noTerminal =
  !/util-linux/.test(script.stdout ?? '') && 'no `script` of util-linux to make a terminal with';

test('on a terminal it draws the picture', { skip: noTerminal }, async (t) => {
  const data = await temporaryFolder(t);
  const shim = path.join(checkout, 'packages', 'cli', 'bin', 'millrace.js');
  const command = `stty cols 90 rows 30; exec "${process.execPath}" "${shim}" demo --once --port 0 --rate 10000 --data "${data}"`;
  const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: '' },
  });
  assert.equal(status, 0, stdout);
  for (const wanted of ['MILLRACE', 'share of the flow', 'busiest of', '█', '\x1b[32m', 'I will count']) {
    assert.ok(stdout.includes(wanted), wanted);
  }
  assert.ok(!stdout.includes('\x1b[?25l'), 'a process that is killed leaves the cursor visible');
});
