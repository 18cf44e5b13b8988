import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mib } from '@millrace/base';
import { gatherPage, SharedSlabs } from './gathered-page.js';
import { finished } from './sliced.js';

const records = 40;
const recordBytes = 70_000;

test('of a page, what is not shared is copied, what is shared stays, and each record is what it was', () => {
  const shared = Buffer.from(new SharedArrayBuffer(records * recordBytes));
  const own = Buffer.alloc(records * recordBytes);
  for (let i = 0; i < shared.length; i++) {
    shared[i] = (i * 7) % 251;
    own[i] = (i * 13) % 241;
  }
  const bufferOf = Uint32Array.from({ length: records }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const starts = Uint32Array.from({ length: records }, (_, i) => i * recordBytes);
  const ends = starts.map((start, i) => start + recordBytes - i);
  const numbers = new Float64Array(records);
  const page = {
    records: {
      count: records,
      positions: numbers,
      arrivalsMs: numbers,
      buffers: [own, shared],
      bufferOf,
      starts,
      ends,
    },
    shard: { index: 0, createdMs: 0 },
    nextShardIterator: 'x',
    millisBehindLatest: 0,
    childShards: undefined,
  };
  const slabs = new SharedSlabs();
  const wanted = Array.from(bufferOf, (buffer, i) =>
    Buffer.from((buffer === 1 ? shared : own).subarray(starts[i], ends[i])),
  );
  const gathered = finished(gatherPage(page, () => slabs.take(slabs.slabBytes)));
  own.fill(0);
  assert.equal(gathered.records.buffers[0], shared);
  assert.ok(gathered.records.buffers.every(({ buffer }) => buffer instanceof SharedArrayBuffer));
  for (const [i, record] of wanted.entries()) {
    const { records: now } = gathered;
    const bytes = now.buffers[now.bufferOf[i] ?? -1]?.subarray(now.starts[i], now.ends[i]);
    assert.ok(bytes !== undefined && record.equals(bytes), `record ${i}`);
  }
});

test('slabs are used again, those that are far too long are left, and so many are kept and no more', () => {
  const slabs = new SharedSlabs();
  const made = Array.from({ length: 40 }, () => slabs.take(mib));
  const long = slabs.take(5 * mib);
  slabs.give(long);
  assert.notEqual(slabs.take(mib), long);
  assert.equal(slabs.take(4 * mib), long);
  for (const slab of made) slabs.give(slab);
  const again = Array.from({ length: 40 }, () => slabs.take(mib));
  assert.equal(again.filter((slab) => made.includes(slab)).length, 24);
  assert.ok(!again.includes(made[0] ?? long), 'the oldest are let go');
});
