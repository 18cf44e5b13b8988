/** The process: run by bin/millrace.js and by scripts/start.mjs. */
import { runCommandLine } from './command-line.js';
import { tendHeap } from './heap.js';
import { commandLine, exitWhenPrinted, nodeHost } from './host.js';

tendHeap();
const host = nodeHost();
runCommandLine(host, commandLine()).then(exitWhenPrinted, (error: unknown) => {
  host.errors.write(`millrace: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  exitWhenPrinted(1);
});
