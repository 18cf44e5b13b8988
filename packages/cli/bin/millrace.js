#!/usr/bin/env node
// The `millrace` command. It is committed, so that npm can link it before anything is built, and only leads to the
// build; where there is none, it says how to get one.
const main = new URL('../dist/main.js', import.meta.url);

import(main.href).catch((error) => {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(
    `millrace: not built yet (${error.message.split('\n')[0]}): run \`npm run build\` in the checkout first`,
  );
  process.exitCode = 2;
});
