/** The bytes of a sealed group, once and for all: what was written like this must open for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@millrace/base';
import { openMemoryEngine } from '@millrace/log';
import { MasterKeySet } from '../../keys/master-keys.js';
import { inlineCodec } from '../codec/codec.js';
import { finished } from '../codec/sliced.js';
import { decodeStoredRecord, encodeStoredRecord } from '../stored-record.js';
import { heldClock } from '../streams-fixture.js';
import { Opener } from './opener.js';
import { Sealer } from './sealer.js';

const log = 'stream-7/shard-3';
const keys = new MasterKeySet('the test', [Buffer.from('a master key of thirty-two bytes')]);
const records = [
  encodeStoredRecord('one', Buffer.from('first')),
  encodeStoredRecord('two', Buffer.from('2nd')),
];
const golden =
  '0180000002006325eeb49305e5dc9e272f05c2005ae1e302ce680df6392e00000000000000002300388505a43757c83de7212d13f5012e6dc28a12d50fae6f90018001007801aefec018dba3';

test('a put is sealed to these bytes', () => {
  const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = records;
  const sealer = new Sealer({ keys, random: seededRandom(1) });
  const batch = {
    logs: [log],
    logOf: Uint32Array.of(0, 0),
    ends: Uint32Array.of(one.length, one.length + two.length),
    payload: Buffer.concat(records),
  };
  const under = { incarnation: 7, fromMs: 1, fingerprint: keys.newest ?? '' };
  const sealed = finished(sealer.seal(under, batch));
  assert.deepEqual([...sealed.ends], [64, 76]);
  assert.equal(Buffer.from(sealed.payload).toString('hex'), golden);
});

test('these bytes open', async () => {
  const engine = openMemoryEngine({ clock: heldClock() });
  await engine.create([log]);
  await engine.append({
    logs: [log],
    logOf: Uint32Array.of(0, 0),
    ends: Uint32Array.of(64, 76),
    payload: Buffer.from(golden, 'hex'),
  });
  const read = await engine.read({ log, from: 1, recordsMax: 1, bytesMax: 1 });
  assert.equal(read.kind, 'records');
  if (read.kind !== 'records') return;
  const opened = await new Opener(keys, engine, inlineCodec).open(log, read.records);
  const { buffers = [], starts, ends, bufferOf } = opened?.records ?? {};
  const stored = buffers[bufferOf?.[0] ?? -1]?.subarray(starts?.[0], ends?.[0]) ?? new Uint8Array(2);
  const { partitionKey, data } = decodeStoredRecord(stored);
  assert.deepEqual([partitionKey, Buffer.from(data).toString()], ['two', '2nd']);
});
