import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyBytes } from './bytes.js';

const lengths = [0, 1, 7, 255, 256, 257, 1024, 5000];
const made: { readonly [name: string]: (bytes: number) => Buffer } = {
  own: (bytes) => Buffer.alloc(bytes),
  shared: (bytes) => Buffer.from(new SharedArrayBuffer(bytes)),
};

for (const [from, makeSource] of Object.entries(made)) {
  for (const [to, makeTarget] of Object.entries(made)) {
    test(`bytes are copied from ${from} to ${to} memory, and no others are touched`, () => {
      for (const length of lengths) {
        for (const [start, at] of [
          [0, 0],
          [3, 0],
          [0, 3],
          [5, 11],
        ] as const) {
          const source = makeSource(start + length + 9);
          for (let i = 0; i < source.length; i++) source[i] = (i * 31 + 1) % 251;
          const target = makeTarget(at + length + 9);
          const expected = Buffer.alloc(target.length);
          for (let i = 0; i < length; i++) expected[at + i] = source[start + i] ?? 0;
          assert.equal(copyBytes(source, start, start + length, target, at), at + length);
          assert.ok(target.equals(expected), `${length} bytes from ${start} to ${at}`);
        }
      }
    });
  }
}
