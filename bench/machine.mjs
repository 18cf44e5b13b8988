/** The machine that figures were taken on: without it a figure says nothing. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadAverage } from './process-figures.mjs';

/** statfs(2) types: those that keep files in memory, and names for the usual others. */
const IN_MEMORY = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const ON_DISK = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
]);
const SYNC_PROBES = 100;

/** The file system's name, and whether a sync there reaches a disk. */
export function fileSystem(dir) {
  const { type } = fs.statfsSync(dir);
  const inMemory = IN_MEMORY.get(type);
  return {
    name: inMemory ?? ON_DISK.get(type) ?? `type 0x${type.toString(16)}`,
    onDisk: inMemory === undefined,
  };
}

/** The median milliseconds of writing `bytes` at a file's end and syncing them. */
function syncMs(dir, bytes) {
  const file = path.join(dir, 'sync-probe');
  const fd = fs.openSync(file, 'w');
  const block = Buffer.alloc(bytes, 1);
  const took = [];
  for (let i = 0; i < SYNC_PROBES; i++) {
    const started = performance.now();
    fs.writeSync(fd, block);
    fs.fdatasyncSync(fd);
    took.push(performance.now() - started);
  }
  fs.closeSync(fd);
  fs.rmSync(file);
  return took.sort((a, b) => a - b)[SYNC_PROBES >> 1];
}

export function describeMachine(dir) {
  const cpus = os.cpus();
  return {
    processor: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 1e9),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    fileSystem: fileSystem(dir).name,
    sync4KibMs: syncMs(dir, 4 * 1024),
    sync1MibMs: syncMs(dir, 1024 * 1024),
    loadAverage: loadAverage(),
  };
}

export function machineLine(machine) {
  return (
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}, ` +
    `${machine.fileSystem} (write and fdatasync: 4 KiB ${machine.sync4KibMs.toFixed(2)} ms, ` +
    `1 MiB ${machine.sync1MibMs.toFixed(2)} ms), load average ${machine.loadAverage.toFixed(1)} at the start`
  );
}
