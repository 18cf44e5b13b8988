/**
 * What is measured, as data. A case measures its entrants in turn, A B C A B C …; its rows are what the report says of
 * it, each with the target that it must meet, if there is one.
 *
 *      row.of        the entrant that is judged, the first unless said
 *      row.beside    the entrant that it is divided by; without it the row is a plain figure
 *      row.atLeast   the least ratio (or figure) that meets the target; row.atMost the greatest
 *      entrant.rival left out, with its rows, unless it was asked for
 *      case.long     takes minutes and gigabytes of disk: measured only when it is asked for by name; `gigabytes` is
 *                    how many, unless `--gigabytes` says
 */
import { fileURLToPath } from 'node:url';
import { measureFlow, measureIdleShards, measureReopen, measureReread } from './endurance.mjs';
import { POLL_PAUSE_MS } from './latency-load.mjs';
import { measureBeside, measureLoad, measureStart } from './measure.mjs';
import { PAGE_RECORDS } from './read-load.mjs';
import { recordsPerSecond } from './report.mjs';

const KIB = 1024;
/** Ten whole pages in one shard: what a reader goes through again and again. */
const READ_RECORDS = 10 * PAGE_RECORDS;
/** A cold read is one that has just begun. */
const COLD_MS = 3000;

const put = {
  kind: 'put',
  protocol: 'http1',
  format: 'json',
  connections: 4,
  shards: 4,
  recordsPerRequest: 500,
  recordBytes: KIB,
  readBack: true,
};
/** The floors keep what they are given but cannot give it back. */
const floorPut = { ...put, readBack: false };
const read = {
  kind: 'read',
  protocol: 'http1',
  format: 'json',
  connections: 4,
  recordBytes: KIB,
  fillRecords: READ_RECORDS,
};

/** In the first 20 s V8 compiles for one of them, and a 99th percentile would be of that. */
const LATENCY_MS_MIN = 60_000;
const latency = { kind: 'latency', shards: 4, perSecond: 200, measureMsMin: LATENCY_MS_MIN };
const heavy = { kind: 'heavy', largePerSecond: 2 };
const subscribed = {
  ...latency,
  kind: 'fan-out',
  protocol: 'h2c',
  consumers: 1,
  recordsPerPut: 1,
  recordBytes: 208,
};
/** 2,000 records of 1 KiB a second in two shards: as much as AWS lets in, and lets out to each consumer. */
const twenty = { ...subscribed, shards: 2, consumers: 20, recordsPerPut: 10, recordBytes: KIB };

const timed = (job, times) => ({
  ...job,
  ...times,
  measureMs: Math.max(times.measureMs, job.measureMsMin ?? 0),
});
const load = (label, server, job, preload = {}) => ({
  label,
  measure: ({ times, ...options }) => measureLoad(server, timed(job, times), { ...options, ...preload }),
});
const rival = (label, job) => ({ ...load(label, label, job), rival: 'ferrokinesis' });
const latencyBesideHeavy = (label, preload = {}) => ({
  label,
  measure: ({ times, gigabytes, ...options }) =>
    measureBeside('millrace', timed(latency, times), { ...heavy, gigabytes }, { ...options, ...preload }),
});
const endurance = (measure, job) => ({
  label: 'millrace',
  measure: (options) => measure('millrace', job, options),
});
const start = (server) => ({ label: server, measure: (options) => measureStart(server, options) });

const puts = (changes) => [
  load('millrace', 'millrace', { ...put, ...changes }),
  load('floor durable', 'floor durable', { ...floorPut, ...changes, readBack: false }),
  load('kinesalite', 'kinesalite', { ...put, ...changes }),
];

/** What is added to every sync of a server, as on a slower disk. */
const ADDED_SYNC_MS = 5;
const slowSync = {
  nodeOptions: ['--require', fileURLToPath(new URL('./slow-sync.cjs', import.meta.url))],
  env: { SLOW_SYNC_MS: String(ADDED_SYNC_MS) },
};

const overDisk = (recordBytes) => (figures) => figures.diskBytes / (figures.putRecords * recordBytes);

/** The same puts, plain and with more of something around them. */
const putsBeside = (label, changes) => [
  load(label, 'millrace', { ...put, ...changes }),
  load('millrace', 'millrace', put),
];

const processorRow = (title) => ({
  title: `Processor of ${title}`,
  unit: 'µs/record',
  value: (figures) => figures.serverMicrosPerRecord,
  beside: 'millrace',
});

const idle = (title, atMost) => [
  { title: `Resident, ${title}`, unit: 'MB', value: (figures) => figures.fullMb, atMost },
  {
    title: 'Memory of an idle shard',
    unit: 'bytes',
    value: (figures) => figures.bytesPerShard,
    atMost: 4096,
  },
  { title: 'Resident after a restart', unit: 'MB', value: (figures) => figures.restartedMb, atMost },
  { title: 'Restart to first answer', unit: 'ms', value: (figures) => figures.restartMs },
  { title: 'Making them all', unit: 'ms', value: (figures) => figures.createdMs },
  { title: 'Processor while idle', unit: 'of a core', value: (figures) => figures.idleBusy },
];

/** A straight line through the second half of a flow rises by no more: a twentieth of what it may take. */
const GROWN_MB_MAX = 20;

const flowing = (what) => [
  { title: `Resident at most${what}`, unit: 'MB', value: (figures) => figures.residentMaxMb, atMost: 400 },
  {
    title: 'Grown over the second half',
    unit: 'MB',
    value: (figures) => figures.residentGrownMb,
    atMost: GROWN_MB_MAX,
  },
  { title: 'Passed through', unit: 'MB/s', value: (figures) => figures.megabytesPerSecond },
  {
    title: 'Processor for each GB',
    unit: 's',
    value: (figures) => figures.serverSeconds / (figures.flowedBytes / 1e9),
  },
  { title: 'Chunks settled', unit: '', value: (figures) => figures.settlings, atLeast: 3 },
  { title: 'Disk at most', unit: 'GB', value: (figures) => figures.diskMaxGb },
  {
    title: 'of that, for each byte of the two streams that are there',
    unit: 'bytes',
    value: (figures) => figures.diskPerByte,
    atMost: 2.2,
  },
];

export const CASES = [
  {
    name: 'put-records',
    title: 'PutRecords 500 × 1 KiB, 4 connections, JSON',
    entrants: puts({}),
    rows: [
      {
        title: 'PutRecords 500 × 1 KiB',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'floor durable',
        atLeast: 1,
        aim: 2,
      },
      { title: 'PutRecords 500 × 1 KiB', unit: 'records/s', value: recordsPerSecond, beside: 'kinesalite' },
      { title: 'Disk per payload byte, 1 KiB', unit: 'bytes', value: overDisk(KIB), beside: 'kinesalite' },
    ],
  },
  {
    // Without kinesalite: its encoder cuts CBOR answers off at 16 KiB, which the check of each answer finds.
    name: 'put-records-cbor',
    title: 'PutRecords 500 × 1 KiB, 4 connections, CBOR (the floor reads JSON only)',
    entrants: [
      load('millrace', 'millrace', { ...put, format: 'cbor' }),
      load('floor durable', 'floor durable', floorPut),
    ],
    rows: [
      {
        title: 'PutRecords, CBOR',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'floor durable',
        aim: 2.8,
      },
    ],
  },
  {
    name: 'put-records-small',
    title: 'PutRecords 500 × 100 B, 4 connections, JSON',
    entrants: puts({ recordBytes: 100 }),
    rows: [
      {
        title: 'PutRecords 500 × 100 B',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'floor durable',
        aim: 2,
      },
      { title: 'PutRecords 500 × 100 B', unit: 'records/s', value: recordsPerSecond, beside: 'kinesalite' },
      { title: 'Disk per payload byte, 100 B', unit: 'bytes', value: overDisk(100), beside: 'kinesalite' },
    ],
  },
  {
    name: 'put-records-h2c',
    title: 'PutRecords 500 × 1 KiB, 4 connections, JSON over HTTP/2 with prior knowledge',
    entrants: [
      load('millrace h2c', 'millrace', { ...put, protocol: 'h2c' }),
      load('millrace HTTP/1.1', 'millrace', put),
    ],
    rows: [
      {
        title: 'PutRecords over h2c',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'millrace HTTP/1.1',
        atLeast: 0.8,
      },
    ],
  },
  {
    name: 'put-record',
    title: 'PutRecord 1 KiB, 64 connections, JSON',
    entrants: [
      ...puts({ recordsPerRequest: 1, connections: 64 }),
      // Not read back: the second forgets the oldest records.
      ...['ferrokinesis durable', 'ferrokinesis memory'].map((label) =>
        rival(label, { ...put, recordsPerRequest: 1, connections: 64, readBack: false }),
      ),
    ],
    rows: [
      {
        title: 'PutRecord 1 KiB',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'floor durable',
        atLeast: 0.6,
        aim: 1,
      },
      ...['kinesalite', 'ferrokinesis durable', 'ferrokinesis memory'].map((beside) => ({
        title: 'PutRecord 1 KiB',
        unit: 'records/s',
        value: recordsPerSecond,
        beside,
      })),
    ],
  },
  {
    name: 'put-records-slow-sync',
    title: `PutRecords 500 × 1 KiB, 4 connections, JSON, with ${ADDED_SYNC_MS} ms added to every sync`,
    entrants: [load('millrace, slow sync', 'millrace', put, slowSync), load('millrace', 'millrace', put)],
    rows: [
      {
        title: `PutRecords, syncs ${ADDED_SYNC_MS} ms slower`,
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'millrace',
        atLeast: 0.75,
      },
    ],
  },
  {
    name: 'get-records',
    title: `GetRecords from the start, pages of ${PAGE_RECORDS} × 1 KiB, 4 readers of one shard, JSON`,
    entrants: [
      load('millrace', 'millrace', read),
      load('kinesalite', 'kinesalite', read),
      load('floor http', 'floor http', { ...read, kind: 'canned' }),
    ],
    rows: [
      { title: 'GetRecords', unit: 'records/s', value: recordsPerSecond, beside: 'kinesalite', atLeast: 12 },
      { title: 'GetRecords', unit: 'records/s', value: recordsPerSecond, beside: 'floor http' },
    ],
  },
  {
    name: 'get-records-others',
    title: 'GetRecords as above: CBOR, and JSON over h2c',
    entrants: [
      load('millrace CBOR', 'millrace', { ...read, format: 'cbor' }),
      load('millrace h2c', 'millrace', { ...read, protocol: 'h2c' }),
      load('millrace', 'millrace', read),
    ],
    rows: [
      { title: 'GetRecords, CBOR', unit: 'records/s', value: recordsPerSecond, beside: 'millrace' },
      {
        title: 'GetRecords over h2c',
        unit: 'records/s',
        value: recordsPerSecond,
        of: 'millrace h2c',
        beside: 'millrace',
      },
    ],
  },
  {
    name: 'put-to-seen',
    title: `Put to seen: 200 records/s, 4 shards, each polled with a pause of ${POLL_PAUSE_MS} ms`,
    entrants: [load('millrace', 'millrace', latency), load('kinesalite', 'kinesalite', latency)],
    rows: [
      { title: 'Put to seen, p50', unit: 'ms', value: (figures) => figures.seenP50Ms },
      { title: 'Put to seen, p99', unit: 'ms', value: (figures) => figures.seenP99Ms, atMost: 5 },
      { title: 'Put to seen, p99', unit: 'ms', value: (figures) => figures.seenP99Ms, beside: 'kinesalite' },
    ],
  },
  {
    name: 'subscribe-to-seen',
    title: 'Put to seen by SubscribeToShard: 200 records/s, 4 shards, one consumer',
    entrants: [
      load('millrace h2c', 'millrace', subscribed),
      load('millrace HTTP/1.1', 'millrace', { ...subscribed, protocol: 'http1' }),
    ],
    rows: [
      { title: 'Subscribed, put to seen, p50', unit: 'ms', value: (figures) => figures.seenP50Ms },
      { title: 'Subscribed, put to seen, p99', unit: 'ms', value: (figures) => figures.seenP99Ms, atMost: 5 },
      {
        title: 'Subscribed over HTTP/1.1, put to seen, p99',
        unit: 'ms',
        of: 'millrace HTTP/1.1',
        value: (figures) => figures.seenP99Ms,
      },
    ],
  },
  {
    name: 'fan-out',
    title: 'Fan-out: 20 consumers of one stream, 2 MB/s to each, 2 shards',
    entrants: [load('millrace h2c', 'millrace', twenty)],
    rows: [
      { title: '20 consumers, put to seen, p50', unit: 'ms', value: (figures) => figures.seenP50Ms },
      {
        title: '20 consumers, put to seen, p99',
        unit: 'ms',
        value: (figures) => figures.seenP99Ms,
        atMost: 10,
      },
      {
        title: '20 consumers, server',
        unit: 'µs/delivery',
        value: (figures) => figures.serverMicrosPerDelivery,
      },
    ],
  },
  {
    name: 'put-to-seen-beside',
    gigabytes: 0.5,
    title:
      'Put to seen as above, while 10 MiB PutRecords come twice a second and a cold reader drains a backlog',
    entrants: [
      latencyBesideHeavy('millrace'),
      latencyBesideHeavy('millrace, one thread', { env: { MILLRACE_THREADS: '1' } }),
    ],
    rows: [
      {
        title: 'Put to seen beside 10 MiB, p99',
        unit: 'ms',
        value: (figures) => figures.seenP99Ms,
        atMost: 20,
      },
      {
        title: 'Put to seen beside 10 MiB, one thread, p99',
        unit: 'ms',
        of: 'millrace, one thread',
        value: (figures) => figures.seenP99Ms,
        atMost: 20,
      },
    ],
  },
  {
    name: 'start',
    title: 'Start on an empty directory, then rest for 7 s',
    entrants: [start('millrace'), start('kinesalite')],
    rows: [
      { title: 'Start to first answer', unit: 'ms', value: (figures) => figures.firstAnswerMs, atMost: 300 },
      {
        title: 'Start to first answer',
        unit: 'ms',
        value: (figures) => figures.firstAnswerMs,
        beside: 'kinesalite',
      },
      { title: 'Resident while idle', unit: 'MB', value: (figures) => figures.idleMb, atMost: 90 },
    ],
  },
  {
    name: 'put-records-shards',
    title: 'PutRecords as above into 1,000 shards, beside 4',
    entrants: putsBeside('1,000 shards', { shards: 1000 }),
    rows: [
      {
        title: 'PutRecords, 1,000 shards',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'millrace',
        atLeast: 0.8,
      },
    ],
  },
  {
    name: 'put-records-streams',
    title: 'PutRecords as above with 10,000 other streams there',
    entrants: putsBeside('10,000 streams', { otherStreams: 10_000 }),
    rows: [
      {
        title: 'PutRecords, 10,000 streams',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'millrace',
        atLeast: 0.8,
      },
    ],
  },
  {
    name: 'put-records-encrypted',
    title: 'PutRecords as above into a stream that encrypts, beside one that does not',
    entrants: putsBeside('encrypted', { encrypted: true }),
    rows: [
      { title: 'PutRecords, encrypted', unit: 'records/s', value: recordsPerSecond, beside: 'millrace' },
      processorRow('PutRecords, encrypted'),
    ],
  },
  {
    name: 'get-records-encrypted',
    title: 'GetRecords of 1 KiB records that were encrypted, beside those that were not',
    entrants: [
      load('encrypted', 'millrace', { ...read, encrypted: true }),
      load('millrace', 'millrace', read),
    ],
    rows: [
      { title: 'GetRecords, encrypted', unit: 'records/s', value: recordsPerSecond, beside: 'millrace' },
      processorRow('GetRecords, encrypted'),
    ],
  },
  {
    name: 'get-records-cold',
    title: 'GetRecords as above after a restart, beside the same before it',
    entrants: [
      endurance(measureReread, {
        fill: { shards: 1, recordBytes: KIB, fillRecords: READ_RECORDS },
        read: { ...read, kind: 'reread', warmMs: 0, measureMs: COLD_MS },
      }),
      load('warm', 'millrace', read),
    ],
    rows: [
      {
        title: 'GetRecords after a restart',
        unit: 'records/s',
        value: recordsPerSecond,
        beside: 'warm',
        atLeast: 0.5,
      },
    ],
  },
  {
    name: 'catch-up',
    title:
      'Single shards of 1,000 read from their start, one after another, after a restart; all of it settled',
    entrants: [
      endurance(measureReread, {
        fill: { shards: 1000, recordBytes: KIB, fillRecords: 2_000_000, settled: true },
        read: { kind: 'catch-up', recordBytes: KIB, shardsRead: 40 },
      }),
    ],
    rows: [
      {
        title: 'One shard of 1,000 catches up',
        unit: 'MB/s',
        value: (figures) => figures.megabytesPerSecond,
        atLeast: 100,
      },
    ],
  },
  {
    name: 'idle-shards',
    title: '1,000 streams of 10 shards at rest',
    entrants: [endurance(measureIdleShards, { streams: 1000, shards: 10 })],
    rows: idle('10,000 shards in 1,000 streams', 200),
  },
  {
    name: 'idle-streams',
    title: '10,000 streams of 1 shard at rest',
    entrants: [endurance(measureIdleShards, { streams: 10_000, shards: 1 })],
    rows: idle('10,000 streams', 200),
  },
  {
    name: 'flow',
    long: true,
    gigabytes: 50,
    title: 'Gigabytes of 1 KiB records pass through streams that are filled, read and deleted',
    entrants: [endurance(measureFlow, { streamBytes: 1e9, mixed: false })],
    rows: flowing(''),
  },
  {
    name: 'flow-mixed',
    long: true,
    gigabytes: 50,
    title: 'The same in turn with records of 1 KiB, 1 MB (bodies of 14 MB), 100 B and 10 KiB',
    entrants: [endurance(measureFlow, { streamBytes: 1e9, mixed: true })],
    rows: flowing(', mixed sizes'),
  },
  {
    name: 'reopen',
    long: true,
    gigabytes: 10,
    title: 'Start after SIGKILL, right behind the last of many puts',
    entrants: [endurance(measureReopen, { shards: 4, recordBytes: KIB })],
    rows: [
      { title: 'Start after SIGKILL', unit: 'ms', value: (figures) => figures.reopenMs, atMost: 3000 },
      { title: 'of that, in the journal', unit: 'GB', value: (figures) => figures.journalGb },
      { title: 'On the disk', unit: 'GB', value: (figures) => figures.storedGb },
    ],
  },
];
