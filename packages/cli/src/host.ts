/**
 * The process as a parameter: environment, terminal, signals and the end. `nodeHost` is the real one and the only
 * place in this package that touches `process`; tests bring their own.
 */
import type { Clock } from '@millrace/base';
import { SystemClock } from '@millrace/base';

export interface Terminal {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Size in characters; 80 × 24 where it is not known. */
  size(): { readonly columns: number; readonly rows: number };
  onResize(listener: () => void): void;
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Host {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly processId: number;
  readonly clock: Clock;
  readonly output: Terminal;
  readonly errors: Terminal;
  onStop(listener: (signal: StopSignal) => void): void;
  /** Ends the process here and now. */
  exit(code: number): void;
}

const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export function nodeHost(): Host {
  return {
    environment: process.env,
    workingDirectory: process.cwd(),
    processId: process.pid,
    clock: new SystemClock(),
    // Nobody reads any more (`millrace demo | head`): there is nothing left to do for it.
    output: terminal(process.stdout, () => process.exit(0)),
    // A server goes on when whoever read its log is gone.
    errors: terminal(process.stderr, () => undefined),
    onStop: (listener) => {
      for (const signal of stopSignals) process.on(signal, () => listener(signal));
    },
    exit: (code) => process.exit(code),
  };
}

/** What was typed after `millrace`. */
export function commandLine(): readonly string[] {
  return process.argv.slice(2);
}

/** Keeps the AWS SDK from announcing, over whatever is on the screen, which Node it will want some day. */
export function silenceSdkAnnouncement(): void {
  const { env } = process;
  env[sdkAnnouncementOff] ??= 'true';
}

const sdkAnnouncementOff = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/** Lets what was printed reach its reader, then ends the process: a stray handle must not hold it. */
export function exitWhenPrinted(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

function terminal(stream: NodeJS.WriteStream, onReaderGone: () => void): Terminal {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    onReaderGone();
  });
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    onResize: (listener) => {
      stream.on('resize', listener);
    },
  };
}
