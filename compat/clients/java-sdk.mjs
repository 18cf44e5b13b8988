// The AWS SDKs for Java: v2 with its blocking client (HTTP/1.1) and with its asynchronous one (HTTP/2, and the only one
// that can subscribe), and v1, which speaks CBOR. The certificate is in a trust store, which is all that Java knows.
import { fileURLToPath } from 'node:url';
import { javaProgram, libraryVersion } from '../java/maven.mjs';

const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const scenarios = [
  'life',
  'records',
  'reshard',
  'names',
  'trouble',
  'expiry',
  'tls',
  'large',
  'thousand-shards',
  'sparse',
  'crash',
];

function find(project, library, mode) {
  const found = javaProgram(project, 'Driver');
  if (found.reason !== undefined) return found;
  const driver = { program: file('../java/java.sh'), args: [...found.args, mode] };
  return {
    version: libraryVersion(found.folder, library),
    program: process.execPath,
    args: [file('../driven/program.mjs'), JSON.stringify(driver)],
  };
}

export const javaSdk2 = {
  id: 'java-sdk2',
  name: 'AWS SDK for Java v2, KinesisClient',
  short: 'Java 2',
  heavy: true,
  scenarios: [...scenarios, 'settings', 'consumers'],
  find: () => find('sdk2', 'kinesis', 'sync'),
};

export const javaSdk2Async = {
  id: 'java-sdk2-async',
  name: 'AWS SDK for Java v2, KinesisAsyncClient (HTTP/2)',
  short: 'Java 2 (h2)',
  heavy: true,
  scenarios: [...scenarios, 'settings', 'fan-out'],
  find: () => find('sdk2', 'kinesis', 'async'),
};

export const javaSdk1 = {
  id: 'java-sdk1',
  name: 'AWS SDK for Java v1 (CBOR)',
  short: 'Java 1',
  heavy: true,
  scenarios: [...scenarios, 'consumers'],
  find: () => find('sdk1', 'aws-java-sdk-kinesis', 'sync'),
};
