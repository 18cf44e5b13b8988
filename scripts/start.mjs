// npm start: from a fresh checkout to the flights demonstration in one command. The demonstration runs in this very
// process, so that the process to kill is the one that was started.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

await setUp();
process.argv.splice(2, 0, 'demo');
await import(pathToFileURL(path.join(root, 'packages', 'cli', 'dist', 'main.js')).href);
