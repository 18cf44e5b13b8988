import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');
const shim = path.join(checkout, 'packages', 'cli', 'bin', 'millrace.js');

/** Far more than anything here takes: a test that waits so long has failed. */
const waitMsMax = 60_000;

/** A real `millrace`, as a user's shell starts it. */
export class MillraceProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #listeners = new Set<() => void>();

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    // The tester's own variables must not reach it.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE|AWS|NODE_TEST)/.test(name));
    this.child = spawn(process.execPath, [shim, ...args], {
      cwd: os.tmpdir(),
      env: { ...Object.fromEntries(inherited), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#tell();
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#tell();
    });
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve({ code, signal });
        this.#tell();
      });
    });
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first match of `pattern` in what it has printed, as soon as there is one. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const give = (settle: () => void): void => {
        clearTimeout(timeout);
        this.#listeners.delete(look);
        settle();
      };
      const said = (): string => `\nstdout: ${this.stdout}\nstderr: ${this.stderr}`;
      const look = (): void => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (match !== null) give(() => resolve(match));
        else if (!this.running) give(() => reject(new Error(`ended without printing ${pattern}${said()}`)));
      };
      const timeout = setTimeout(() => {
        give(() => reject(new Error(`did not print ${pattern}${said()}`)));
      }, waitMsMax);
      this.#listeners.add(look);
      look();
    });
  }

  /** The endpoint that a ready server prints. */
  async endpoint(): Promise<string> {
    const [, endpoint = ''] = await this.printed(/Millrace is listening on (https?:\/\/\S+)/);
    return endpoint;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Starts `millrace` for a test; what the test leaves running is killed at its end. */
export function millrace(
  t: TestContext,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): MillraceProcess {
  const started = new MillraceProcess(args, environment);
  t.after(async () => {
    if (started.running) started.child.kill('SIGKILL');
    await started.exited;
  });
  return started;
}

/** Runs `millrace` to its end. */
export async function ended(
  t: TestContext,
  args: readonly string[],
): Promise<MillraceProcess & { code: number | null }> {
  const run = millrace(t, args);
  const { code } = await run.exited;
  return Object.assign(run, { code });
}

/** A folder that lasts as long as the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'millrace-cli-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
