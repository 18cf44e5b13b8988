// Writes docs/compatibility.md out of what the code declares (which operations and members are offered, and which are
// not) and of what real clients have proven, as `npm run compat` kept it. `node scripts/compatibility.mjs` after a build;
// a test fails when the page is not what would be written.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { absent } from '../compat/clients/absent.mjs';
import { clients } from '../compat/clients/index.mjs';
import { proven, readResults } from '../compat/results.mjs';
import { scenarios } from '../compat/scenarios.mjs';
import { throughputSection } from '../compat/throughput/figures.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const pagePath = path.join(root, 'docs/compatibility.md');

/** Services of the family that have no operation here yet; every request to them is refused. */
const servicesNotOffered = [
  'Amazon Data Firehose',
  'Kinesis Data Analytics (v1 and v2)',
  'Kinesis Video Streams',
  'CloudWatch',
  'Lambda event source mappings',
];

/** The page as the built code has it. */
export async function compatibilityPage() {
  const operations = path.join(root, 'packages/server/dist/streams/operations');
  const { streamsOperations, streamsStreamingOperations } = await import(`${operations}/index.js`);
  const {
    operationsNotOffered,
    operationsNewerThanSdk,
    membersNotOffered,
    membersRefused,
    membersReduced,
    membersNotSet,
  } = await import(`${operations}/not-offered.js`);
  const results = readResults();
  const offered = [...streamsOperations, ...streamsStreamingOperations].map(({ name }) => name);
  const all = [...offered, ...operationsNotOffered].sort();
  return [
    '# Compatibility',
    '',
    '<!-- Written by scripts/compatibility.mjs from what the code declares. Do not edit. -->',
    '',
    'What a client of AWS finds here, and what it does not. Operations and members are held against the schemas that',
    'the newest `@aws-sdk/client-kinesis` exports: a test fails when one is neither declared nor listed below.',
    '',
    '## Kinesis Data Streams',
    '',
    `${offered.length} of ${all.length} operations are offered. The others answer \`UnknownOperationException\`.`,
    '',
    'So does what newer clients than that SDK know, and it does not: ' +
      `${operationsNewerThanSdk.map((name) => `\`${name}\``).join(', ')}.`,
    '',
    'A tick: this client has called it in a scenario that passed ([what they are](#clients)).',
    '',
    `| operation | | ${clients.map(({ short }) => short).join(' | ')} |`,
    `|---|---|${clients.map(() => '---|').join('')}`,
    ...all.map((name) => {
      const ticks = clients.map(({ id }) => (proven(results, id, name) ? '✓' : ''));
      return `| ${name} | ${offered.includes(name) ? 'offered' : 'not offered'} | ${ticks.join(' | ')} |`;
    }),
    '',
    ...table('Members of offered operations that are not offered', 'why', membersNotOffered),
    ...table(
      'Members that are checked, and refused when they ask for what is not offered',
      'what happens',
      membersRefused,
    ),
    ...table('Members that are taken, and bring less than on AWS', 'what it brings', membersReduced),
    ...table('Members of answers that are never set', 'why', membersNotSet),
    '## Protocols',
    '',
    '| | |',
    '|---|---|',
    '| HTTP/1.1, keep-alive and pipelining | offered |',
    '| HTTP/2 with prior knowledge (h2c) | offered |',
    '| TLS 1.2 and 1.3, on the same port, h2 and http/1.1 by ALPN, or by what is spoken | offered, with `--tls` or `--cert` and `--key` |',
    '| AWS JSON 1.1 (`application/x-amz-json-1.1`) | offered |',
    '| CBOR (`application/x-amz-cbor-1.1`) | offered |',
    '| Event streams (`application/vnd.amazon.eventstream`) | offered, over HTTP/2 and HTTP/1.1, with events in JSON and CBOR |',
    '| Signature Version 4 | read for account and region; not verified, and not asked for |',
    '| Rate limits (records and bytes a second, calls a second) | enforced with `--limits aws`; sizes and counts always are ([what is not kept](internals/14-rates-and-metrics.md#not-kept)) |',
    '',
    ...clientsSection(results),
    ...throughputSection(),
    '## Other services of the family',
    '',
    '| service | |',
    '|---|---|',
    ...servicesNotOffered.map((service) => `| ${service} | not offered |`),
    '',
  ].join('\n');
}

/** A heading and its members with the reason for each; nothing where there are none. */
function table(heading, reasons, members) {
  const rows = Object.entries(members)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([member, reason]) => `| \`${member}\` | ${reason} |`);
  return rows.length === 0 ? [] : [`### ${heading}`, '', `| member | ${reasons} |`, '|---|---|', ...rows, ''];
}

/** What real clients were asked, and what came of it. */
function clientsSection(results) {
  const cell = ({ id, scenarios: has }, scenario) => {
    const result = results[id]?.scenarios[scenario];
    if (result !== undefined) return result.passed ? '✓' : '✗';
    return has.includes(scenario) ? 'not run' : '';
  };
  const version = ({ id }) => results[id]?.version ?? 'not run yet';
  return [
    '## Clients',
    '',
    'Unmodified clients of other people, told nothing of Kinesis but an endpoint, a region and credentials. `npm run compat` runs',
    'them all again; each scenario is a program in [compat/](../compat/README.md).',
    '',
    '| | client | version |',
    '|---|---|---|',
    ...clients.map((client) => `| ${client.short} | ${client.name} | ${version(client)} |`),
    ...absent.map(({ name, reason }) => `| | ${name} | not run: ${reason} |`),
    '',
    `| scenario | what holds | ${clients.map(({ short }) => short).join(' | ')} |`,
    `|---|---|${clients.map(() => '---|').join('')}`,
    ...scenarios.map(
      ({ id, holds }) => `| ${id} | ${holds} | ${clients.map((client) => cell(client, id)).join(' | ')} |`,
    ),
    '',
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(pagePath, await compatibilityPage());
