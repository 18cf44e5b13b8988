/**
 * A directory that is being made, by a snapshot or a repair, holds this file from its beginning on, and loses it when
 * everything else in it is durable. Until then no version opens it: to those of before the name is foreign.
 */
import type { Disk } from './disk.js';

export const unfinishedName = 'unfinished';

/** The first thing in a directory that is to be made: durable when this resolves. */
export async function beginMaking(disk: Disk, what: string): Promise<void> {
  const file = await disk.open(unfinishedName, 'create');
  try {
    await file.write([Buffer.from(`${what}\n`)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory();
}

/** The last thing: everything else must be synced. */
export async function endMaking(disk: Disk): Promise<void> {
  await disk.syncDirectory();
  await disk.remove(unfinishedName);
  await disk.syncDirectory();
}
