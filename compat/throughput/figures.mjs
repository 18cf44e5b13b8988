// What `npm run compat -- --throughput` measured and kept, and what is to be read in it:
//
//      { "measured": "2026-11-21", "machine": "…", "shards": 4,
//        "rows": [{ "path": "into", "client": "KPL 1.1.1, …", "records": 400000, "bytes": 205190000, "seconds": 9.1,
//                   "serverMicros": 3.1, "clientMicros": 20.2, "othersCores": 0.4 }, …] }
//
// `serverMicros` and `clientMicros` are processor time for a record; `othersCores` is what nobody of ours took meanwhile.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const throughputPath = fileURLToPath(new URL('./figures.json', import.meta.url));
const MiB = 1024 * 1024;

/** What a shard lets through on AWS, in bytes a second. Small records go in packed, so that their number is no limit. */
const awsShardBytes = { into: MiB, out: 2 * MiB };
const pages = 'https://docs.aws.amazon.com/streams/latest/dev';

function readThroughput() {
  return existsSync(throughputPath) ? JSON.parse(readFileSync(throughputPath, 'utf8')) : undefined;
}

export function keepThroughput(throughput) {
  writeFileSync(throughputPath, `${JSON.stringify(throughput, null, 2)}\n`);
}

/** A row as rates, beside those of the same records through as many shards on AWS. */
export function throughputFigures(shards, row) {
  const { path, records, bytes, seconds, serverMicros, clientMicros } = row;
  const awsBytesPerSecond = shards * awsShardBytes[path];
  return {
    perSecond: records / seconds,
    mibPerSecond: bytes / seconds / MiB,
    awsPerSecond: (awsBytesPerSecond * records) / bytes,
    awsMibPerSecond: awsBytesPerSecond / MiB,
    ratio: bytes / seconds / awsBytesPerSecond,
    perCoreSecond: 1e6 / (serverMicros + clientMicros),
  };
}

/** A section of docs/compatibility.md; nothing where nothing was measured. */
export function throughputSection() {
  const kept = readThroughput();
  if (kept === undefined) return [];
  const { measured, machine, shards, rows } = kept;
  const whole = (value) => Math.round(value).toLocaleString('en-US');
  return [
    '### How fast',
    '',
    `Records of about 512 bytes, ${shards} shards, everything durable before it is answered; \`npm run compat -- --throughput\``,
    `measures it again. Measured on ${measured} on ${machine}, **which others used at the same time** (the last column: how`,
    'many of its cores they took) and where client and server have only what is left between them. So the rates say what is',
    'reached at least. What a record costs in processor time says more, with all that both did to begin: so many records does a',
    'core carry in a second that has nothing else to do.',
    '',
    `| | records/s | MiB/s | AWS, ${shards} shards | of AWS | server, µs a record | client, µs a record | records/s a core | others, cores |`,
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map((row) => {
      const figures = throughputFigures(shards, row);
      const { perSecond, mibPerSecond, awsPerSecond, awsMibPerSecond, ratio, perCoreSecond } = figures;
      const aws = `${whole(awsPerSecond)} (${awsMibPerSecond} MiB/s)`;
      const cost = `${row.serverMicros} | ${row.clientMicros} | ${whole(perCoreSecond)} | ${row.othersCores}`;
      return `| ${row.client} | ${whole(perSecond)} | ${mibPerSecond.toFixed(1)} | ${aws} | ${ratio.toFixed(1)}× | ${cost} |`;
    }),
    '',
    `What AWS lets through: [a shard takes 1 MB/s or 1,000 records/s and gives 2 MB/s](${pages}/service-sizes-and-limits.html), to`,
    `all who poll it together or [to each consumer of enhanced fan-out](${pages}/enhanced-consumers.html). Of the KPL the`,
    `documentation says that [1,000 records of 512 bytes become 10](${pages}/kinesis-kpl-concepts.html), so that bytes are the`,
    'limit. Of the KCL it names no rate but that of the shards. With `--limits aws` Millrace keeps these rates too.',
    '',
  ];
}
