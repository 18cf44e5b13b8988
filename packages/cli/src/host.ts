/**
 * The process as a parameter: environment, terminal, signals and the end. `nodeHost` is the real one and the only
 * place in this package that touches `process`; tests bring their own.
 */
import { availableParallelism } from 'node:os';
import type { Clock } from '@millrace/base';
import { SystemClock } from '@millrace/base';

export interface Terminal {
  write(text: string | Uint8Array): void;
  /** Resolves when what was written has been taken, or will be by nobody: whoever prints without end waits for it. */
  taken(): Promise<void>;
  readonly isTerminal: boolean;
  /** Size in characters; 80 × 24 where it is not known. */
  size(): { readonly columns: number; readonly rows: number };
  onResize(listener: () => void): void;
}

/** What is typed, or piped, into the process. */
interface Input {
  readonly isTerminal: boolean;
  /** Its bytes as they come, to the end. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface Host {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly processId: number;
  /** How many threads of this process can run at once. */
  readonly processors: number;
  readonly clock: Clock;
  readonly input: Input;
  readonly output: Terminal;
  readonly errors: Terminal;
  onStop(listener: (signal: StopSignal) => void): void;
  /** Ends the process here and now. */
  exit(code: number): void;
}

const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The commands of npm beneath which we are asked to stop by the end of our parent too: see `whenParentEnds`. */
const npmCommands = ['exec', 'start'];
const parentLookMs = 250;

export function nodeHost(): Host {
  // Between two polls there may be nothing else that keeps the process alive; its end is `exitWhenPrinted`.
  const clock = new SystemClock({ holdsProcess: true });
  const { npm_command: npmCommand = '' } = process.env;
  const listeners: ((signal: StopSignal) => void)[] = [];
  const tell = (signal: StopSignal): void => {
    for (const listener of listeners) listener(signal);
  };
  return {
    environment: process.env,
    workingDirectory: process.cwd(),
    processId: process.pid,
    processors: availableParallelism(),
    clock,
    input: {
      get isTerminal() {
        return process.stdin.isTTY === true;
      },
      get chunks() {
        return process.stdin;
      },
    },
    // Nobody reads any more (`millrace demo | head`, a terminal that was closed): as good as being told to stop.
    output: terminal(process.stdout, () => tell('SIGHUP')),
    // A server goes on when whoever read its log is gone.
    errors: terminal(process.stderr, () => undefined),
    onStop: (listener) => {
      if (listeners.length === 0) {
        for (const signal of stopSignals) process.on(signal, () => tell(signal));
        if (npmCommands.includes(npmCommand)) whenParentEnds(clock, () => tell('SIGTERM'));
      }
      listeners.push(listener);
    },
    exit: (code) => process.exit(code),
  };
}

/**
 * `npx` passes a signal on to the shell that it runs us in, and many a shell dies of it without passing it on: then
 * `npx millrace serve & kill $!` would leave a server behind that nobody knows, with the port and the data. Nobody is
 * told of a parent's end, so it is looked for.
 */
function whenParentEnds(clock: Clock, ended: () => void): void {
  const parent = process.ppid;
  const look = (): void => {
    if (process.ppid === parent) clock.schedule(parentLookMs, look);
    else ended();
  };
  clock.schedule(parentLookMs, look);
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

/** What a write answers when its reader has gone: the end of a pipe, or a terminal. */
const readerGoneCodes = ['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'];

function terminal(stream: NodeJS.WriteStream, onReaderGone: () => void): Terminal {
  let gone = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!readerGoneCodes.includes(error.code ?? '')) throw error;
    if (!gone) onReaderGone();
    gone = true;
  });
  return {
    write: (text) => {
      if (!gone) stream.write(text);
    },
    taken: () =>
      new Promise((resolve) => {
        if (gone || stream.writableLength === 0) resolve();
        else stream.write('', () => resolve());
      }),
    isTerminal: stream.isTTY === true,
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
    onResize: (listener) => {
      stream.on('resize', listener);
    },
  };
}
