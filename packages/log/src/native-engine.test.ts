import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contractSuite } from './contract-suite.js';
import type { NativeLimits } from './limits.js';
import { openNativeEngine } from './native-engine.js';
import { nodeDisk } from './node-disk.js';

/** Everything from memory; everything from files; and with bounds so small that each of them is reached. */
const settings: Record<string, Partial<NativeLimits>> = {
  'the native engine': {},
  'the native engine without a tail': { tailBytesMax: 0, reserveBytes: 0 },
  'the native engine with small files and a thin index': {
    tailBytesMax: 2000,
    journalFileBytesMax: 8 * 1024,
    deadBytesMax: 4 * 1024,
    settlingBytesMax: 4 * 1024,
    blockBytesMax: 1024,
    tableCacheBytesMax: 0,
    indexEntriesMax: 4,
    filesOpenMax: 2,
    readsMax: 1,
    readScanBytesMax: 20_000,
    queueRequestsMax: 3,
    commitBytesMax: 2 * 1024 * 1024,
    reserveBytes: 1000,
  },
};

for (const [name, limits] of Object.entries(settings)) {
  contractSuite(name, async (clock) => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'));
    const engine = await openNativeEngine({ disk: await nodeDisk(directory), clock, limits });
    return { engine, clean: () => rm(directory, { recursive: true }) };
  });
}
