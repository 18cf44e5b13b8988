/**
 * A server as a process of its own: `node serve-process.js DIR [THREADS]`. It prints its endpoint when it is ready, and stops
 * on SIGTERM. `--import count-syncs.js` before it counts what it syncs.
 */
import { Millrace } from '../millrace.js';

const [dataDir = '', threads = '1'] = process.argv.slice(2);

Millrace.start({ dataDir, threads: Number(threads), log: 'json' }).then(
  (millrace) => {
    process.on('SIGTERM', () => {
      millrace.close().then(() => process.exit(0));
    });
    process.stdout.write(`${millrace.endpoint}\n`);
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(2);
  },
);
