import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { SystemClock } from '@millrace/base';
import { Millrace } from '@millrace/server';
import { runCommandLine } from '../command-line.js';
import type { Host, StopSignal, Terminal } from '../host.js';

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Typing {
  readonly stdin?: Readable;
  readonly environment?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
  /** Called with all that was printed, each time something is. */
  readonly onPrint?: (stdout: string, send: (signal: StopSignal) => void) => void;
}

/** What a command says and answers when it is typed in this process, against `endpoint`. */
export async function typed(endpoint: string, argv: readonly string[], typing: Typing = {}): Promise<Said> {
  let stdout = '';
  let stderr = '';
  const listeners: ((signal: StopSignal) => void)[] = [];
  const send = (signal: StopSignal): void => {
    for (const listener of listeners) listener(signal);
  };
  const terminal = (write: (text: string) => void): Terminal => ({
    write: (text) => write(Buffer.from(text).toString('utf8')),
    taken: () => Promise.resolve(),
    isTerminal: typing.terminal ?? false,
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => undefined,
  });
  const host: Host = {
    environment: { AWS_ENDPOINT_URL_KINESIS: endpoint, ...typing.environment },
    workingDirectory: process.cwd(),
    processId: process.pid,
    processors: 1,
    // Whatever a command leaves to run must not hold the tests: the server does while it is needed.
    clock: new SystemClock(),
    input: { isTerminal: false, chunks: typing.stdin ?? Readable.from([]) },
    output: terminal((text) => {
      stdout += text;
      typing.onPrint?.(stdout, send);
    }),
    errors: terminal((text) => {
      stderr += text;
    }),
    onStop: (listener) => {
      listeners.push(listener);
    },
    exit: () => undefined,
  };
  const code = await runCommandLine(host, argv);
  return { code, stdout, stderr };
}

/** A server that lasts as long as the test. */
export async function server(
  t: TestContext,
  streams: Readonly<Record<string, number>> = {},
): Promise<Millrace> {
  const millrace = await Millrace.start({
    ephemeral: true,
    create: Object.entries(streams).map(([name, shards]) => ({ name, shards })),
  });
  t.after(() => millrace.close());
  return millrace;
}
