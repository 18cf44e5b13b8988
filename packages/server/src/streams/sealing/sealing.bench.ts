/**
 * Microseconds of processor time a record to seal a put and to open a page, and to do it record by record, which is what
 * groups are for. The best of many rounds.
 *
 *      node packages/server/dist/streams/sealing/sealing.bench.js
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { seededRandom } from '@millrace/base';
import { type AppendBatch, openMemoryEngine } from '@millrace/log';
import { MasterKeySet } from '../../keys/master-keys.js';
import { inlineCodec } from '../codec/codec.js';
import { finished } from '../codec/sliced.js';
import { encodeStoredRecord } from '../stored-record.js';
import { heldClock } from '../streams-fixture.js';
import { Opener } from './opener.js';
import { nonceOf } from './sealed-group.js';
import { Sealer } from './sealer.js';

const rounds = 30;
const roundCalls = 10;
const shards = 4;
const count = 500;

async function bench(name: string, work: () => unknown): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let call = 0; call < roundCalls; call++) await work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / roundCalls / count);
  }
  process.stdout.write(`${best.toFixed(3).padStart(8)} µs/record  ${name}\n`);
}

function batchOf(dataBytes: number): AppendBatch {
  const parts = Array.from({ length: count }, (_, i) =>
    encodeStoredRecord(`key-${i}`, randomBytes(dataBytes)),
  );
  let end = 0;
  return {
    logs: Array.from({ length: shards }, (_, i) => `stream-1/shard-${i}`),
    logOf: Uint32Array.from(parts, (_, i) => i % shards),
    ends: Uint32Array.from(parts, (part) => (end += part.length)),
    payload: Buffer.concat(parts),
  };
}

const keys = new MasterKeySet('the bench', [randomBytes(32)]);
const fingerprint = keys.newest ?? '';
const salt = randomBytes(16);

for (const dataBytes of [1024, 100]) {
  const batch = batchOf(dataBytes);
  const sealer = new Sealer({ keys, random: seededRandom(1) });
  const under = { incarnation: 1, fromMs: 0, fingerprint };
  await bench(`seal, ${count} × ${dataBytes} B for ${shards} shards`, () =>
    finished(sealer.seal(under, batch)),
  );
  const key = keys.dataKey(fingerprint, salt);
  if (key === undefined) throw new Error('there is a key');
  await bench(`seal each by itself, ${dataBytes} B`, () => {
    for (let i = 0; i < count; i++) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(i));
      cipher.update(batch.payload.subarray(i === 0 ? 0 : batch.ends[i - 1], batch.ends[i]));
      cipher.final();
      cipher.getAuthTag();
    }
  });
  const engine = openMemoryEngine({ clock: heldClock() });
  await engine.create(batch.logs);
  for (let put = 0; put < shards; put++) await engine.append(finished(sealer.seal(under, batch)));
  const opener = new Opener(keys, engine, inlineCodec);
  const [log = ''] = batch.logs;
  const page = await engine.read({ log, from: 0, recordsMax: count, bytesMax: 100_000_000 });
  if (page.kind === 'records')
    await bench(`open, ${count} × ${dataBytes} B`, () => opener.open(log, page.records));
}
