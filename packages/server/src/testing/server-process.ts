/** Starts `serve-process.js` and tells when it is ready. Whatever is started is ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const inHere = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface ServerProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly endpoint: string;
  /** Ends the process and waits until it is gone; answers its exit code, null for a signal. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>;
}

export async function startServerProcess(
  dataDir: string,
  options: { readonly countSyncs?: boolean; readonly threads?: number } = {},
): Promise<ServerProcess> {
  const preload = options.countSyncs === true ? ['--import', inHere('count-syncs.js')] : [];
  const child = spawn(
    process.execPath,
    [...preload, inHere('serve-process.js'), dataDir, String(options.threads ?? 1)],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  const gone = once(child, 'exit');
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  while (!output.includes('\n')) {
    const event = await Promise.race([once(child.stdout ?? child, 'data'), gone.then(() => 'gone' as const)]);
    if (event === 'gone') throw new Error(`the server did not start: ${errors}`);
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await gone;
    return child.exitCode;
  };
  return {
    child,
    endpoint: output.trim(),
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
    },
  };
}
