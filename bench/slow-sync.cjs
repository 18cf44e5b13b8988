/**
 * Loaded into a server before its own code: every fdatasync and fsync takes SLOW_SYNC_MS longer, as on a slower disk.
 *
 *      SLOW_SYNC_MS=5 node --require ./slow-sync.cjs …
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const addedMs = Number(process.env.SLOW_SYNC_MS);
if (!(addedMs > 0)) throw new Error('SLOW_SYNC_MS wants a number above zero');

for (const name of ['fdatasync', 'fsync']) {
  const sync = fs[name];
  fs[name] = (descriptor, done) => sync(descriptor, (...result) => setTimeout(done, addedMs, ...result));
}
syncBuiltinESMExports();
