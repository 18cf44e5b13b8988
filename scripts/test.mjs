// npm test: sets the checkout up, then runs every test and property test of every package on the built output, and
// the tests of the scripts. Arguments go on to `node --test`; paths among them replace the list of files:
//
//   npm test -- --test-name-pattern=split
//   npm test -- packages/log/dist/native-engine.test.js
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root, runNode, setUp } from './setup.mjs';

/** Two at a time on two cores: many of the tests wait for processes they started. */
const concurrency = 2;

await setUp();

// Node 20's runner takes files, not patterns.
const under = (folder) =>
  existsSync(path.join(root, folder))
    ? readdirSync(path.join(root, folder), { recursive: true }).map((file) => path.join(folder, file))
    : [];
// The compiler leaves the output of sources that are gone; those are not tests any more.
const source = (file) =>
  file.replace(`${path.sep}dist${path.sep}`, `${path.sep}src${path.sep}`).replace(/js$/, 'ts');
const built = readdirSync(path.join(root, 'packages'))
  .flatMap((name) => under(path.join('packages', name, 'dist')))
  .filter((file) => /\.(test|fuzz)\.js$/.test(file) && existsSync(path.join(root, source(file))));
const scripts = ['scripts', 'compat'].flatMap(under).filter((file) => file.endsWith('.test.mjs'));

const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith('-'));
const chosen = args.filter((arg) => !arg.startsWith('-'));
const files = chosen.length > 0 ? chosen : [...built, ...scripts].sort();

process.exitCode = runNode(['--test', `--test-concurrency=${concurrency}`, ...options, ...files]);
