import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineBatches, untilAborted } from './lines.js';

async function batches(...chunks: readonly (string | Uint8Array)[]): Promise<string[][]> {
  const found: string[][] = [];
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  for await (const lines of lineBatches(source())) found.push(lines.map(String));
  return found;
}

test('each chunk gives the lines that it completes', async () => {
  assert.deepEqual(await batches('a\nb', 'c\r\n', '\n', 'd'), [['a'], ['bc'], [''], ['d']]);
  assert.deepEqual(await batches(), []);
  assert.deepEqual(await batches('no', 'new', 'line'), [['nonewline']]);
});

test('a character that is cut between chunks stays whole', async () => {
  const bytes = Buffer.from('ä\n');
  assert.deepEqual(await batches(bytes.subarray(0, 1), bytes.subarray(1)), [['ä']]);
});

test('a line without an end is not kept for ever', async () => {
  const mebibyte = 'x'.repeat(1024 * 1024);
  await assert.rejects(
    batches(...Array.from({ length: 11 }, () => mebibyte)),
    /a line has more than \d+ bytes/,
  );
});

test('what never comes is waited for only until it is enough', async () => {
  const stop = new AbortController();
  async function* silent(): AsyncGenerator<number> {
    yield 1;
    await new Promise(() => undefined);
  }
  const found: number[] = [];
  for await (const value of untilAborted(silent(), stop.signal)) {
    found.push(value);
    setImmediate(() => stop.abort());
  }
  assert.deepEqual(found, [1]);
  await assert.rejects(async () => {
    for await (const _ of untilAborted(failing(), new AbortController().signal));
  }, /^Error: broken$/);
});

async function* failing(): AsyncGenerator<number> {
  yield 1;
  throw new Error('broken');
}
