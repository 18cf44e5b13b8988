#!/usr/bin/env node
import { createRequire } from 'node:module';

// The `millrace` command. It is committed, so that npm can link it before anything is built, and only leads to the
// build. Where there is none, or where Node is too old for it, it says so.
const [major, minor] = process.versions.node.split('.').map(Number);

function refuse(words) {
  console.error(`millrace: ${words}`);
  process.exit(2);
}

if (major < 20 || (major === 20 && minor < 19)) {
  refuse(
    `needs Node.js 20.19 or newer, and this is ${process.version}: install a newer one from https://nodejs.org`,
  );
}

/**
 * `require` reads all modules of a server at once, in this thread; `import` takes each through others and back, several
 * times, which is a sixth of a start's work. An early Node 22 has no `require` of modules: there `import` does it.
 */
const read = process.features.require_module
  ? createRequire(import.meta.url)
  : (module) => import(new URL(module, import.meta.url).href);

try {
  // What `serve` would import, read beforehand.
  if (process.argv[2] === 'serve') await read('../dist/commands/serve.js');
  await read('../dist/main.js');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error;
  const [what] = error.message.split('\n');
  refuse(`not built yet (${what}): run \`npm run build\` in the checkout first`);
}
