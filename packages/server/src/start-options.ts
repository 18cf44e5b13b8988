/** What a start is asked for, checked, and what the address it listens on means to those who call it. */
import type { MillraceOptions } from './millrace.js';
import { StartError } from './start-error.js';

export const portMax = 65_535;
/** A DNS name, an IPv4 address, or an IPv6 address without brackets. */
const serverName = /^(?:(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$/;
const threadsMax = 16;
/** What this machine is called by itself: our certificate is for all of them. */
export const loopbackNames = ['localhost', '127.0.0.1', '::1'];

export function checkOptions(options: MillraceOptions, host: string): void {
  const { ephemeral = false, dataDir, port = 0, threads = 1, cacheBytes = 0 } = options;
  if (ephemeral === (dataDir !== undefined)) {
    throw new StartError(
      'bad-option',
      'A server is either ephemeral or has a data directory: give one of the two.',
    );
  }
  if (ephemeral && options.keysDir !== undefined) {
    throw new StartError(
      'bad-option',
      'An ephemeral server encrypts nothing: keys belong to a data directory.',
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > portMax) {
    throw new StartError('bad-option', `A port is a whole number from 0 to ${portMax}, not ${port}.`);
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > threadsMax) {
    throw new StartError('bad-option', `Threads are a whole number from 1 to ${threadsMax}, not ${threads}.`);
  }
  if (!Number.isSafeInteger(cacheBytes) || cacheBytes < 0) {
    throw new StartError('bad-option', `A cache is a whole number of bytes, not ${cacheBytes}.`);
  }
  if (options.cleartext === false && options.tls === undefined) {
    throw new StartError(
      'bad-option',
      'Without TLS there is cleartext alone: ask for a certificate with --tls.',
    );
  }
  for (const name of options.names ?? []) {
    if (serverName.test(name)) continue;
    throw new StartError(
      'bad-option',
      `A name of a server is a DNS name or an address, without a port, as streams.test; not ${name.slice(0, 100)}.`,
    );
  }
  if (!isLoopback(host) && options.insecure !== true) {
    throw new StartError(
      'insecure',
      `Others could reach ${host}, and nothing checks who they are: say --insecure if that is meant, or listen on 127.0.0.1.`,
    );
  }
}

export function listenError(error: unknown, host: string, port: number, last: number): StartError {
  const { code, message } = error as NodeJS.ErrnoException;
  const cause = { cause: error };
  if (code === 'EADDRINUSE') {
    const ports = last > port ? `The ports ${port} to ${last} are` : `Port ${port} is`;
    return new StartError(
      'port-occupied',
      `${ports} in use: choose another with --port, or 0 for a free one.`,
      cause,
    );
  }
  if (code === 'EACCES') {
    return new StartError(
      'cannot-listen',
      `This user may not listen on port ${port}: choose one above 1023.`,
      cause,
    );
  }
  return new StartError(
    'cannot-listen',
    `Nothing can listen on ${host}, port ${port} (${code ?? message}): choose an address of this machine with --host.`,
    cause,
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** What a client on this machine puts into a URL. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
