// Apache Flink's Kinesis connector, in a cluster inside one JVM: its classes and its tables, polling and by fan-out, and
// its sink. Up to 4.3 the old source, the new one and the sink are in one library; since 5.0 the new ones have their own.
import { fileURLToPath } from 'node:url';
import { javaProgram } from '../java/maven.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const reading = [
  'job-read',
  'job-reshard',
  'job-crash',
  'consume-trouble',
  'consume-sparse',
  'consume-large',
  'consume-tls',
];
/** The sink is the same whichever the source. */
const writing = ['job-write', 'job-write-trouble', 'job-write-crash'];
/** What Flink's own start script opens to it of a JDK. */
const opened = ['lang', 'net', 'nio', 'text', 'time', 'util', 'util.concurrent'];
const flags = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ...opened.map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`),
];
const byArn = ['ListShards', 'GetShardIterator', 'GetRecords'];
const polling = ['DescribeStream', ...byArn];
const fanOut = [
  'DescribeStreamSummary',
  'ListShards',
  'RegisterStreamConsumer',
  'DescribeStreamConsumer',
  'SubscribeToShard',
];

const four = { flink: '1.19.1', connector: 'flink-connector-kinesis', connectorVersion: '4.3.0-1.19' };
const five = {
  flink: '1.20.3',
  connector: 'flink-sql-connector-aws-kinesis-streams',
  connectorVersion: '5.1.0-1.20',
  face: 'none',
};

function found(properties, face, source, called) {
  const job = javaProgram('flink', 'Job', { properties, flags });
  if (job.reason !== undefined) return job;
  const worker = { program: file('../java/java.sh'), args: [...job.args, face, source] };
  return {
    version: properties.connectorVersion,
    program: process.execPath,
    args: [file('../flink/program.mjs'), JSON.stringify({ worker, called, copied: ['PutRecords'] })],
  };
}

function flink({ id, name, short, scenarios = reading, properties, face, source, called }) {
  const find = () => found(properties, face, source, called);
  return { id, name: `Apache Flink, ${name}`, short, heavy: true, scenarios, find };
}

export const flinkClients = [
  {
    id: 'flink',
    name: 'FlinkKinesisConsumer, polling, and KinesisStreamsSink',
    short: 'Flink',
    scenarios: [...reading, ...writing],
    properties: four,
    face: 'stream',
    source: 'polling',
    called: polling,
  },
  {
    id: 'flink-fan-out',
    name: 'FlinkKinesisConsumer, fan-out',
    short: 'Flink (EFO)',
    properties: four,
    face: 'stream',
    source: 'fan-out',
    called: fanOut,
  },
  {
    id: 'flink-source',
    name: 'KinesisStreamsSource, polling',
    short: 'Flink (new)',
    // Experimental in 4.3: it takes a shard up again whose last page had records, and its job begins anew.
    scenarios: reading.filter((each) => each !== 'job-reshard'),
    properties: four,
    face: 'stream',
    source: 'source',
    called: byArn,
  },
  {
    id: 'flink-table',
    name: 'tables, polling, and their sink',
    short: 'Flink SQL',
    scenarios: [...reading, ...writing],
    properties: four,
    face: 'table',
    source: 'polling',
    called: polling,
  },
  {
    id: 'flink-table-fan-out',
    name: 'tables, fan-out',
    short: 'Flink SQL (EFO)',
    properties: four,
    face: 'table',
    source: 'fan-out',
    called: fanOut,
  },
  {
    id: 'flink-5-table',
    name: 'tables with the options since 5.0, polling, and their sink',
    short: 'Flink 5 SQL',
    scenarios: [...reading, ...writing],
    properties: five,
    face: 'table',
    source: 'new-polling',
    called: byArn,
  },
  {
    id: 'flink-5-table-fan-out',
    name: 'tables with the options since 5.0, fan-out',
    short: 'Flink 5 SQL (EFO)',
    properties: five,
    face: 'table',
    source: 'new-fan-out',
    called: fanOut,
  },
].map(flink);
