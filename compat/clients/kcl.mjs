// The Kinesis Client Library for Java, which most consumers of Kinesis are written with, reading by itself (polling) and
// by enhanced fan-out. Its leases are kept in DynamoDB Local; its CloudWatch metrics are off.
import { fileURLToPath } from 'node:url';
import { dynamoDbProgram, javaProgram, libraryVersion } from '../java/maven.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const scenarios = [
  'consume-reshard',
  'consume-takeover',
  'consume-trouble',
  'consume-sparse',
  'consume-large',
  'consume-crash',
  'consume-tls',
];
const quietly = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

/** How a worker and its table of leases are run, `{ version, worker, dynamodb }`, or `{ reason }`. */
function workerOf(project, properties, mode, { main = 'Worker', flags = [] } = {}) {
  const kcl = javaProgram(project, main, { properties, flags: [...quietly, ...flags] });
  if (kcl.reason !== undefined) return kcl;
  const dynamodb = dynamoDbProgram();
  if (dynamodb.reason !== undefined) return dynamodb;
  return {
    version: libraryVersion(kcl.folder, 'amazon-kinesis-client'),
    worker: { program: file('../java/java.sh'), args: [...kcl.args, mode] },
    dynamodb,
  };
}

function find(...worker) {
  const { reason, version, ...how } = workerOf(...worker);
  if (reason !== undefined) return { reason };
  return { version, program: process.execPath, args: [file('../kcl/program.mjs'), JSON.stringify(how)] };
}

const three = { kcl: '3.5.1', major: '3' };
const two = { kcl: '2.7.0', major: '2' };

/** A worker of KCL 3, to be measured. */
export const kcl3Worker = (mode, flags) => workerOf('kcl', three, mode, { flags });

export const kcl3 = {
  id: 'kcl3',
  name: 'Kinesis Client Library 3 (Java), polling',
  short: 'KCL 3',
  heavy: true,
  scenarios,
  find: () => find('kcl', three, 'polling'),
};

export const kcl3FanOut = {
  id: 'kcl3-fan-out',
  name: 'Kinesis Client Library 3 (Java), fan-out',
  short: 'KCL 3 (EFO)',
  heavy: true,
  scenarios,
  find: () => find('kcl', three, 'fan-out'),
};

export const kcl2 = {
  id: 'kcl2',
  name: 'Kinesis Client Library 2 (Java), polling',
  short: 'KCL 2',
  heavy: true,
  scenarios,
  find: () => find('kcl', two, 'polling'),
};

export const kcl2FanOut = {
  id: 'kcl2-fan-out',
  name: 'Kinesis Client Library 2 (Java), fan-out',
  short: 'KCL 2 (EFO)',
  heavy: true,
  scenarios,
  find: () => find('kcl', two, 'fan-out'),
};

export const kcl1 = {
  id: 'kcl1',
  name: 'Kinesis Client Library 1 (Java)',
  short: 'KCL 1',
  heavy: true,
  scenarios,
  find: () => find('kcl1', {}, 'polling', { main: 'Main' }),
};
