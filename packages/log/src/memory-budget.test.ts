import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kib } from '@millrace/base';
import { tablePageBytes } from './chunk-table.js';
import { FileWindow } from './file-window.js';
import { LogIndex } from './log-index.js';
import { MemoryBudget } from './memory-budget.js';
import type { NativeEngine } from './native-engine.js';
import { openNativeEngine } from './native-engine.js';
import { RegisteredLog } from './registry.js';
import { TableCache } from './table-cache.js';
import { Tail } from './tail.js';
import { EagerClock } from './testing/eager-clock.js';
import { MemoryDisk } from './testing/memory-disk.js';
import { oneSection } from './testing/one-section.js';

const recordBytes = 10 * kib;

function push(tail: Tail, log: RegisteredLog, bytes: number): void {
  const batch = { payload: new Uint8Array(bytes), ends: new Uint32Array([bytes]), order: undefined };
  tail.push(batch, oneSection(log));
  log.end++;
}

describe('the budget of memory', () => {
  const log = (): RegisteredLog => new RegisteredLog('a', 1, new LogIndex(4096, 100));

  it('is one for all: what the tables take, the tail gives', () => {
    const budget = new MemoryBudget(20 * recordBytes);
    const tail = new Tail(budget, 100 * recordBytes);
    const tables = new TableCache(budget, 5 * recordBytes);
    const of = log();
    for (let i = 0; i < 50; i++) push(tail, of, recordBytes);
    const before = 50 - (tail.firstPosition(of) ?? 50);
    assert.ok(before >= 18 && budget.bytes <= 20 * recordBytes);
    for (let page = 0; page < 5; page++) tables.put(1, page, Buffer.alloc(tablePageBytes));
    const left = 50 - (tail.firstPosition(of) ?? 50);
    assert.ok(left < before, 'the oldest batches went');
    assert.equal(of.runs.length, left);
    assert.ok(budget.bytes <= 20 * recordBytes);
    assert.ok(tables.get(1, 0) !== undefined);
  });

  it('lets tables have only their part of it, the least recently wanted going first', () => {
    const budget = new MemoryBudget(100 * recordBytes);
    const tables = new TableCache(budget, 3.5 * (tablePageBytes + 256));
    for (let page = 0; page < 3; page++) tables.put(1, page, Buffer.alloc(tablePageBytes));
    tables.get(1, 0);
    tables.put(1, 3, Buffer.alloc(tablePageBytes));
    const held = [0, 1, 2, 3].filter((page) => tables.get(1, page) !== undefined);
    assert.deepEqual(held, [0, 2, 3]);
  });

  it('makes the tail, and then the tables, give way to a read that needs it all', async () => {
    const budget = new MemoryBudget(20 * recordBytes);
    const tail = new Tail(budget, 100 * recordBytes);
    const tables = new TableCache(budget, 5 * recordBytes);
    const windows = budget.share();
    const of = log();
    for (let i = 0; i < 5; i++) push(tail, of, recordBytes);
    tables.put(1, 0, Buffer.alloc(tablePageBytes));
    const window = new FileWindow(64 * kib, windows);
    const file = await new MemoryDisk().open('a', 'create');
    await file.truncate(40 * recordBytes);
    window.attach(file, 'a', 40 * recordBytes);
    await window.fill(0, 30 * recordBytes);
    assert.equal(tail.bytes, 0);
    assert.equal(tables.get(1, 0), undefined);
    assert.equal(budget.bytes, windows.bytes);
    window.shrink();
    assert.ok(budget.bytes < 20 * recordBytes, 'what the read took is given back');
  });

  it('holds for an engine: records beyond it are read from files, the same', async () => {
    const clock = new EagerClock();
    const open = (memoryBytesMax: number): Promise<NativeEngine> =>
      openNativeEngine({ disk: new MemoryDisk(), clock, limits: { memoryBytesMax, reserveBytes: 0 } });
    for (const memoryBytesMax of [0, 5 * recordBytes, 1000 * recordBytes]) {
      const engine = await open(memoryBytesMax);
      await engine.create(['a']);
      for (let i = 0; i < 40; i++) {
        const payload = Buffer.alloc(recordBytes, i);
        const ends = Uint32Array.of(recordBytes);
        await engine.append({ logs: ['a'], logOf: new Uint32Array(1), ends, payload });
      }
      const seen: number[] = [];
      for (let from = 0; from < 40; ) {
        const read = await engine.read({ log: 'a', from, recordsMax: 100, bytesMax: 1e9 });
        assert.ok(read.kind === 'records');
        const { records } = read;
        for (let i = 0; i < records.count; i++)
          seen.push(records.buffers[records.bufferOf[i] ?? 0]?.[records.starts[i] ?? 0] ?? -1);
        from = read.nextPosition;
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, i) => i),
      );
      const { bytes } = engine.memory();
      assert.ok(bytes <= Math.max(memoryBytesMax, 2 * 1024 * kib), `${bytes} bytes of ${memoryBytesMax}`);
      await engine.close();
    }
  });
});
