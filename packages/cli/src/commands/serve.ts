/**
 * `millrace serve`: the server until it is told to stop.
 *
 *      options ──▶ Millrace.start ──▶ one line on stdout ──signal──▶ close ──▶ 0
 *         └──UsageError──┴──StartError──▶ one line on stderr, 2
 */
import path from 'node:path';
import { mib } from '@millrace/base';
import type { MillraceOptions } from '@millrace/server';
import { Millrace } from '@millrace/server';
import type { Arguments, Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { stopSignal } from '../stop.js';
import { UsageError } from '../usage-error.js';

const portDefault = 4567;
const hostDefault = '127.0.0.1';
const dataDefault = './data';
const shardsMax = 100_000;
/** A second thread halves what the first has to do of a large put; a third finds nothing to do. */
const threadsDefault = 2;
const threadsMax = 16;
const delayMsDefault = 50;
const delayMsMax = 600_000;
const cacheDefault = 96 * mib;
const cacheMin = 8 * mib;
const cacheMax = 65_536 * mib;

const options: readonly Option[] = [
  {
    name: 'port',
    value: 'N',
    environment: 'MILLRACE_PORT',
    text: `the port to listen on; 0 picks a free one (default ${portDefault})`,
  },
  {
    name: 'host',
    value: 'H',
    environment: 'MILLRACE_HOST',
    text: `the address to listen on (default ${hostDefault})`,
  },
  {
    name: 'insecure',
    environment: 'MILLRACE_INSECURE',
    text: 'allow a --host that others can reach: nothing checks who they are',
  },
  {
    name: 'data',
    value: 'DIR',
    environment: 'MILLRACE_DATA',
    text: `where the data is kept (default ${dataDefault})`,
  },
  {
    name: 'keys',
    value: 'DIR',
    environment: 'MILLRACE_KEYS',
    text: 'where the master key of encrypted streams is kept; on another disk it protects the data (default keys in the data directory)',
  },
  {
    name: 'ephemeral',
    environment: 'MILLRACE_EPHEMERAL',
    text: 'keep everything in memory, and nothing after the end',
  },
  {
    name: 'create',
    value: 'NAME:SHARDS',
    repeatable: true,
    environment: 'MILLRACE_CREATE',
    text: 'make this stream unless it is there; more of them with commas, or by repeating the flag',
  },
  {
    name: 'threads',
    value: 'N',
    environment: 'MILLRACE_THREADS',
    text: `how many threads work on requests (default ${threadsDefault}; 1 where there is one processor)`,
  },
  {
    name: 'tls',
    environment: 'MILLRACE_TLS',
    text: 'speak TLS on the same port, with a certificate of its own making, kept with the data',
  },
  {
    name: 'cert',
    value: 'FILE',
    environment: 'MILLRACE_CERT',
    text: 'speak TLS with this certificate (PEM, those above it after it); read again when it changes',
  },
  {
    name: 'key',
    value: 'FILE',
    environment: 'MILLRACE_KEY',
    text: 'its private key (PEM)',
  },
  {
    name: 'tls-only',
    environment: 'MILLRACE_TLS_ONLY',
    text: 'refuse requests without TLS, which are taken on the same port otherwise',
  },
  {
    name: 'name',
    value: 'NAME',
    repeatable: true,
    environment: 'MILLRACE_NAME',
    text: 'a name or address that others call this server by: for its certificate, and for /_millrace/',
  },
  {
    name: 'limits',
    value: 'aws|none',
    environment: 'MILLRACE_LIMITS',
    text: 'keep AWS’s rates too, of operations, shards and subscriptions, or its sizes and counts alone (default none)',
  },
  {
    name: 'delay',
    value: 'MS',
    environment: 'MILLRACE_DELAY',
    text: `how long streams are CREATING, UPDATING and DELETING, on the server’s clock (default ${delayMsDefault}; AWS takes up to a minute)`,
  },
  {
    name: 'cache',
    value: 'SIZE',
    environment: 'MILLRACE_CACHE',
    text: `memory for the newest records and what else need not be read again (default ${cacheDefault / mib}mb); with all else the process takes 70 MB at rest, 350 to 500 at full speed`,
  },
  {
    name: 'log',
    value: 'text|json|none',
    environment: 'MILLRACE_LOG',
    text: 'how to log, on stderr (default text)',
  },
];

export const serve: Command = {
  name: 'serve',
  summary: 'run the server until it is told to stop',
  usage: 'serve [options]',
  description: [
    'When it is ready it prints one line on stdout: `Millrace is listening on http://127.0.0.1:4567` (https:// with TLS). All else goes to stderr.',
    'SIGINT and SIGTERM stop it within five seconds: requests under way are answered, everything is synced, exit code 0. A second signal ends it at once.',
  ],
  options,
  async run(host, argv) {
    const given = readArguments('serve', options, argv, host.environment);
    const ephemeral = given.on('ephemeral');
    if (given.source('ephemeral') === '--ephemeral' && given.source('data') === '--data') {
      throw new UsageError('--ephemeral keeps nothing and --data keeps all: give one of them');
    }
    if (given.source('ephemeral') === '--ephemeral' && given.source('keys') === '--keys') {
      throw new UsageError('--ephemeral keeps nothing, so there is nothing to encrypt: leave out --keys');
    }
    const keys = given.text('keys');
    const tls = certificateOf(given, host.workingDirectory);
    if (tls === undefined && given.on('tls-only')) {
      throw new UsageError('--tls-only needs a certificate: add --tls, or --cert and --key');
    }
    const delayMs = given.integer('delay', 0, delayMsMax) ?? delayMsDefault;
    const stop = stopSignal(host);
    const log = given.choice('log', ['text', 'json', 'none']) ?? 'text';
    const server = await Millrace.start({
      host: given.text('host') ?? hostDefault,
      port: given.integer('port', 0, 65_535) ?? portDefault,
      insecure: given.on('insecure'),
      ...(ephemeral
        ? { ephemeral }
        : {
            dataDir: path.resolve(host.workingDirectory, given.text('data') ?? dataDefault),
            ...(keys === undefined ? {} : { keysDir: path.resolve(host.workingDirectory, keys) }),
          }),
      ...(tls === undefined ? {} : { tls, cleartext: !given.on('tls-only') }),
      names: commaSeparated(given.texts('name')),
      create: streamsToCreate(given.texts('create'), given.source('create')),
      threads: given.integer('threads', 1, threadsMax) ?? Math.min(threadsDefault, host.processors),
      rates: given.choice('limits', ['aws', 'none']) ?? 'none',
      delays: { createDelayMs: delayMs, updateDelayMs: delayMs, deleteDelayMs: delayMs },
      cacheBytes: given.bytes('cache', cacheMin, cacheMax) ?? cacheDefault,
      log,
    });
    host.output.write(`Millrace is listening on ${server.endpoint}\n`);
    await stopped(stop);
    await server.close();
    return 0;
  },
};

/** Reads `flights:4,orders:2`; a name alone has one shard. */
export function streamsToCreate(
  texts: readonly string[],
  source = '--create',
): NonNullable<MillraceOptions['create']> {
  return commaSeparated(texts).map((text) => {
    const [, name, shards = '1'] = /^([a-zA-Z0-9_.-]{1,128})(?::([0-9]{1,6}))?$/.exec(text) ?? [];
    if (name === undefined || Number(shards) < 1 || Number(shards) > shardsMax) {
      throw new UsageError(
        `${source} holds '${text}'; give a stream’s name and its count of shards, as flights:4`,
      );
    }
    return { name, shards: Number(shards) };
  });
}

function commaSeparated(texts: readonly string[]): readonly string[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

/** The certificate that is asked for: our own, that of two files, or none. */
function certificateOf(given: Arguments, workingDirectory: string): MillraceOptions['tls'] {
  const [cert, key] = [given.text('cert'), given.text('key')];
  if (cert === undefined && key === undefined) return given.on('tls') ? 'own' : undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError('--cert and --key belong together: give both');
  }
  if (given.source('tls') === '--tls') {
    throw new UsageError('--tls makes a certificate and --cert brings one: give one of them');
  }
  return { cert: path.resolve(workingDirectory, cert), key: path.resolve(workingDirectory, key) };
}

function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
}
