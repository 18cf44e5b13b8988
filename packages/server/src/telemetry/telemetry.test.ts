import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis';
import { Millrace, type MillraceOptions } from '../millrace.js';
import { RawClient, requestText } from '../testing/raw-client.js';
import { exposition } from './exposition.js';
import { RequestMeter } from './request-meter.js';
import { StreamMeter } from './stream-meter.js';

const patience = { timeout: 60_000 };

/** What a strict reader of the format makes of a text: a number by name and labels, as they are written. */
function parsed(text: string): ReadonlyMap<string, number> {
  assert.ok(text.endsWith('\n') && !text.includes('\n\n') && !text.includes('\r'));
  const found = new Map<string, number>();
  const types = new Map<string, string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, help] = /^# HELP ([a-z_]+) \S.*$/.exec(line) ?? [];
    const [, typed, type] = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (help !== undefined) {
      assert.ok(!types.has(help), `${help} comes once`);
      current = help;
    } else if (typed !== undefined) {
      assert.equal(typed, current, 'a type stands beneath its help');
      types.set(typed, type ?? '');
    } else {
      const value = '[+-]?(?:Inf|\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)';
      const label = '[a-z_]+="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
      const match = new RegExp(`^([a-z_]+)((?:\\{${label}(?:,${label})*\\})?) (${value})$`).exec(line);
      assert.ok(match !== null, `not a sample: ${line}`);
      const [, name = '', labels = '', number = ''] = match;
      const type = types.get(current);
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      assert.ok(
        suffixes.some((suffix) => name === current + suffix),
        `${name} stands beneath ${current}`,
      );
      if (type === 'counter') assert.match(name, /_total$/);
      assert.ok(!found.has(name + labels), `${name}${labels} comes once`);
      found.set(name + labels, Number(number.replace('Inf', 'Infinity')));
    }
  }
  return found;
}

async function start(
  t: TestContext,
  options: Partial<MillraceOptions> = { ephemeral: true },
): Promise<{ readonly millrace: Millrace; readonly client: KinesisClient }> {
  const millrace = await Millrace.start({ create: [{ name: 's', shards: 2 }], ...options });
  const client = new KinesisClient({
    endpoint: millrace.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });
  t.after(async () => {
    client.destroy();
    await millrace.close();
  });
  return { millrace, client };
}

async function scraped(millrace: Millrace, at = '/metrics'): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`${millrace.endpoint}${at}`);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parsed(await answer.text());
}

const stream = 'account="123456789012",region="us-east-1",stream="s"';

test('requests, records and bytes are counted by operation, outcome and stream', patience, async (t) => {
  const { millrace, client } = await start(t);
  const put = (Data: Buffer) => new PutRecordCommand({ StreamName: 's', PartitionKey: 'key', Data });
  await client.send(put(Buffer.alloc(7)));
  const Records = Array.from({ length: 10 }, (_, i) => ({ PartitionKey: `k${i}`, Data: Buffer.alloc(98) }));
  await client.send(new PutRecordsCommand({ StreamName: 's', Records }));
  millrace.faults.add({ fault: 'fail-records', count: 4 });
  await client.send(new PutRecordsCommand({ StreamName: 's', Records }));
  await assert.rejects(
    client.send(new PutRecordCommand({ StreamName: 'none', PartitionKey: 'k', Data: Buffer.alloc(1) })),
  );
  let read = 0;
  for (const ShardId of ['shardId-000000000000', 'shardId-000000000001']) {
    const { ShardIterator } = await client.send(
      new GetShardIteratorCommand({ StreamName: 's', ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    read += (await client.send(new GetRecordsCommand({ ShardIterator }))).Records?.length ?? 0;
  }
  assert.equal(read, 17);
  const metrics = await scraped(millrace);
  const is = (name: string, value: number): void => assert.equal(metrics.get(name), value, name);
  is('millrace_requests_total{operation="PutRecords",outcome="OK"}', 2);
  is('millrace_requests_total{operation="PutRecord",outcome="OK"}', 1);
  is('millrace_requests_total{operation="PutRecord",outcome="ResourceNotFoundException"}', 1);
  is('millrace_request_duration_seconds_count{operation="PutRecord"}', 2);
  is('millrace_request_duration_seconds_bucket{operation="PutRecord",le="+Inf"}', 2);
  is(`millrace_stream_records_in_total{${stream}}`, 17);
  is(`millrace_stream_bytes_in_total{${stream}}`, 10 + 16 * 100);
  is(`millrace_stream_records_refused_total{${stream}}`, 4);
  is(`millrace_stream_records_out_total{${stream}}`, 17);
  is(`millrace_stream_bytes_out_total{${stream}}`, 10 + 16 * 100);
  is('millrace_faults', 1);
  is('millrace_faults_struck_total{fault="fail-records"}', 4);
  is('millrace_ready', 1);
  is('millrace_streams', 1);
  is('millrace_open_shards', 2);
  is('millrace_clock_held', 0);
  assert.ok((metrics.get('process_resident_memory_bytes') ?? 0) > 1e7);
  assert.ok((metrics.get('millrace_connections') ?? 0) >= 1);
  assert.equal(metrics.has('millrace_log_chunks'), false, 'an ephemeral server has no disk');
  millrace.clock.hold();
  millrace.clock.advance(100_000);
  const later = await scraped(millrace, '/_millrace/metrics');
  assert.equal(later.get('millrace_clock_held'), 1);
  assert.ok((later.get('millrace_clock_ahead_seconds') ?? 0) > 99);
  // Watched since the first look; it has to come round before there is something to tell.
  for (;;) {
    const delays = await scraped(millrace);
    if (delays.has('millrace_event_loop_delay_seconds{quantile="0.99"}')) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test('what the log did on the disk is told', patience, async (t) => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-metrics-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const { millrace, client } = await start(t, { dataDir });
  const before = await scraped(millrace);
  for (let i = 0; i < 5; i++) {
    await client.send(new PutRecordCommand({ StreamName: 's', PartitionKey: 'k', Data: Buffer.alloc(10) }));
  }
  const after = await scraped(millrace);
  const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  assert.equal(grown('millrace_log_appends_total'), 5);
  assert.equal(grown('millrace_log_records_total'), 5);
  assert.equal(grown('millrace_log_commits_total'), 5);
  assert.ok(grown('millrace_log_syncs_total') >= 5);
  assert.ok(grown('millrace_log_sync_seconds_total') > 0);
  assert.ok(grown('millrace_log_disk_bytes') >= 0);
  assert.equal(after.get('millrace_log_writable'), 1);
  assert.equal(after.get('millrace_log_chunks'), 0);
  assert.ok(after.has('millrace_log_unsettled_files'));
  assert.equal(after.get('millrace_log_settling'), 1);
});

test('a foreign host or page does not get them, a name that we were given does', patience, async (t) => {
  const { millrace } = await start(t, { ephemeral: true, names: ['streams.test'] });
  const ask = async (headers: { readonly [name: string]: string }, at = '/metrics'): Promise<number> => {
    const client = new RawClient(millrace.port);
    await client.write(requestText({ method: 'GET', path: at, headers, body: '' }));
    const { status } = await client.response();
    client.destroy();
    return status;
  };
  for (const at of [
    '/metrics',
    '/metrics?x',
    '/_millrace/metrics',
    '/_millrace/clock',
    '/_millrace/faults',
  ]) {
    assert.equal(await ask({ host: 'evil.example' }, at), 403, at);
    assert.equal(await ask({ host: 'localhost', origin: 'http://evil.example' }, at), 403, at);
    assert.equal(await ask({ host: 'streams.test:4567' }, at), 200, at);
  }
});

test('what clients may name is bounded: a thousand streams have series of their own', () => {
  const meter = new StreamMeter();
  for (let i = 0; i < 1500; i++) {
    meter.took({ account: 'a', region: 'r', name: `s${i}`, incarnation: i }, 1, 10, 0);
  }
  meter.gave({ account: 'a', region: 'r', name: 's0', incarnation: 0 }, 2, 20);
  const metrics = parsed(exposition(meter.families()));
  const records = [...metrics].filter(([name]) => name.startsWith('millrace_stream_records_in_total'));
  assert.equal(records.length, 1001);
  assert.equal(metrics.get('millrace_stream_records_in_total{account="",region="",stream="(others)"}'), 500);
  assert.equal(metrics.get('millrace_stream_bytes_out_total{account="a",region="r",stream="s0"}'), 20);
  // One that is made again under its name is one series.
  const again = new StreamMeter();
  for (const incarnation of [1, 2])
    again.took({ account: 'a', region: 'r', name: 's', incarnation }, 1, 1, 0);
  assert.equal(
    parsed(exposition(again.families())).get(
      'millrace_stream_records_in_total{account="a",region="r",stream="s"}',
    ),
    2,
  );
});

test('durations fall into buckets that count what is beneath them', () => {
  const meter = new RequestMeter();
  for (const ms of [0.1, 0.5, 0.6, 3, 70, 20_000]) meter.answered('Op', 'OK', ms);
  const metrics = parsed(exposition(meter.families()));
  const bucket = (le: string): number | undefined =>
    metrics.get(`millrace_request_duration_seconds_bucket{operation="Op",le="${le}"}`);
  assert.deepEqual(['0.0005', '0.001', '0.005', '0.1', '10', '+Inf'].map(bucket), [2, 3, 4, 5, 5, 6]);
  assert.ok(
    Math.abs((metrics.get('millrace_request_duration_seconds_sum{operation="Op"}') ?? 0) - 20.0742) < 1e-9,
  );
});

test('labels and helps are written so that nothing in them ends them', () => {
  const text = exposition([
    {
      name: 'a_total',
      help: 'back\\slash\nline',
      type: 'counter',
      samples: [{ labels: { l: 'q"b\\n\nx' }, value: 1e21 }],
    },
    { name: 'nothing', help: 'none', type: 'gauge', samples: [] },
  ]);
  assert.equal(
    text,
    '# HELP a_total back\\\\slash\\nline\n# TYPE a_total counter\na_total{l="q\\"b\\\\n\\nx"} 1e+21\n',
  );
  assert.equal(parsed(text).size, 1);
});
