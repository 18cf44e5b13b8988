// The AWS SDK for JavaScript v3. Its Kinesis client speaks HTTP/2, in cleartext where the endpoint does; with the
// handler of its other clients it speaks HTTP/1.1.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../javascript/program.mjs', import.meta.url));
const scenarios = [
  'life',
  'records',
  'reshard',
  'names',
  'trouble',
  'expiry',
  'settings',
  'distribution',
  'fan-out',
  'tls',
  'large',
  'thousand-shards',
  'sparse',
  'crash',
];

function find(transport) {
  // The lockfile of the checkout pins it.
  const entry = createRequire(import.meta.url).resolve('@aws-sdk/client-kinesis');
  const manifest = path.join(
    entry.slice(0, entry.lastIndexOf('client-kinesis')),
    'client-kinesis',
    'package.json',
  );
  const { version } = createRequire(import.meta.url)(manifest);
  return { version, program: process.execPath, args: [program, transport] };
}

export const javascriptHttp2 = {
  id: 'javascript-http2',
  name: 'AWS SDK for JavaScript v3, HTTP/2 (its default)',
  short: 'JS (h2)',
  scenarios,
  find: () => find('http2'),
};

export const javascriptHttp1 = {
  id: 'javascript-http1',
  name: 'AWS SDK for JavaScript v3, HTTP/1.1',
  short: 'JS (h1)',
  scenarios,
  find: () => find('http1'),
};
