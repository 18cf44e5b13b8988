#!/usr/bin/env node
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

import(new URL('../dist/main.js', import.meta.url).href).catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  const [what] = error.message.split('\n');
  refuse(`not built yet (${what}): run \`npm run build\` in the checkout first`);
});
