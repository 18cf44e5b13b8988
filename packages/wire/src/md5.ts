/**
 * MD5 (RFC 1321) in plain JavaScript, for the one thing Kinesis needs it for: the hash of a partition key. Keys are
 * short, and for those the way into `node:crypto` and back costs several times the one block that there is to do.
 *
 *      message · 0x80 · zeros · length in bits (64, little-endian)      in blocks of 64 bytes
 *
 * A key of at most 55 bytes is one block; any other length takes the same way several times. The digest is given as
 * four words, most significant first: read as one 128-bit integer they are the record's hash key.
 *
 * Not for secrets: MD5 is broken as a defence, and here it is none.
 */

/** The block under work. One for the process: `md5` never yields. */
const block = new Int32Array(16);
const state = new Int32Array(4);

/** Hashes `bytes[start .. end)` and writes the digest's four words to `target[at .. at + 4)`. */
export function md5(bytes: Uint8Array, start: number, end: number, target: Uint32Array, at: number): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89 | 0;
  state[2] = 0x98badcfe | 0;
  state[3] = 0x10325476;
  let from = start;
  for (; end - from >= 64; from += 64) {
    load(bytes, from, from + 64);
    compress();
  }
  load(bytes, from, end);
  const rest = end - from;
  const last = rest >> 2;
  block[last] = (block[last] ?? 0) | (0x80 << ((rest & 3) << 3));
  if (rest > 55) {
    compress();
    block.fill(0);
  }
  const length = end - start;
  block[14] = length << 3;
  block[15] = length >>> 29;
  compress();
  target[at] = bigEndian(state[0] ?? 0);
  target[at + 1] = bigEndian(state[1] ?? 0);
  target[at + 2] = bigEndian(state[2] ?? 0);
  target[at + 3] = bigEndian(state[3] ?? 0);
}

/** The block's words from up to 64 bytes; what is missing is zero. */
function load(bytes: Uint8Array, start: number, end: number): void {
  let word = 0;
  let at = start;
  for (; at + 4 <= end; at += 4, word++) {
    block[word] =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
  }
  if (word === 16) return;
  let partial = 0;
  for (let shift = 0; at < end; at++, shift += 8) partial |= (bytes[at] ?? 0) << shift;
  block[word] = partial;
  for (word++; word < 16; word++) block[word] = 0;
}

function bigEndian(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/** The four rounds over one block, written out: a loop over tables takes three times as long. */
function compress(): void {
  const x0 = block[0] ?? 0;
  const x1 = block[1] ?? 0;
  const x2 = block[2] ?? 0;
  const x3 = block[3] ?? 0;
  const x4 = block[4] ?? 0;
  const x5 = block[5] ?? 0;
  const x6 = block[6] ?? 0;
  const x7 = block[7] ?? 0;
  const x8 = block[8] ?? 0;
  const x9 = block[9] ?? 0;
  const x10 = block[10] ?? 0;
  const x11 = block[11] ?? 0;
  const x12 = block[12] ?? 0;
  const x13 = block[13] ?? 0;
  const x14 = block[14] ?? 0;
  const x15 = block[15] ?? 0;
  const a0 = state[0] ?? 0;
  const b0 = state[1] ?? 0;
  const c0 = state[2] ?? 0;
  const d0 = state[3] ?? 0;
  let a = a0;
  let b = b0;
  let c = c0;
  let d = d0;
  a = f(a, b, c, d, x0, 7, -680876936);
  d = f(d, a, b, c, x1, 12, -389564586);
  c = f(c, d, a, b, x2, 17, 606105819);
  b = f(b, c, d, a, x3, 22, -1044525330);
  a = f(a, b, c, d, x4, 7, -176418897);
  d = f(d, a, b, c, x5, 12, 1200080426);
  c = f(c, d, a, b, x6, 17, -1473231341);
  b = f(b, c, d, a, x7, 22, -45705983);
  a = f(a, b, c, d, x8, 7, 1770035416);
  d = f(d, a, b, c, x9, 12, -1958414417);
  c = f(c, d, a, b, x10, 17, -42063);
  b = f(b, c, d, a, x11, 22, -1990404162);
  a = f(a, b, c, d, x12, 7, 1804603682);
  d = f(d, a, b, c, x13, 12, -40341101);
  c = f(c, d, a, b, x14, 17, -1502002290);
  b = f(b, c, d, a, x15, 22, 1236535329);
  a = g(a, b, c, d, x1, 5, -165796510);
  d = g(d, a, b, c, x6, 9, -1069501632);
  c = g(c, d, a, b, x11, 14, 643717713);
  b = g(b, c, d, a, x0, 20, -373897302);
  a = g(a, b, c, d, x5, 5, -701558691);
  d = g(d, a, b, c, x10, 9, 38016083);
  c = g(c, d, a, b, x15, 14, -660478335);
  b = g(b, c, d, a, x4, 20, -405537848);
  a = g(a, b, c, d, x9, 5, 568446438);
  d = g(d, a, b, c, x14, 9, -1019803690);
  c = g(c, d, a, b, x3, 14, -187363961);
  b = g(b, c, d, a, x8, 20, 1163531501);
  a = g(a, b, c, d, x13, 5, -1444681467);
  d = g(d, a, b, c, x2, 9, -51403784);
  c = g(c, d, a, b, x7, 14, 1735328473);
  b = g(b, c, d, a, x12, 20, -1926607734);
  a = h(a, b, c, d, x5, 4, -378558);
  d = h(d, a, b, c, x8, 11, -2022574463);
  c = h(c, d, a, b, x11, 16, 1839030562);
  b = h(b, c, d, a, x14, 23, -35309556);
  a = h(a, b, c, d, x1, 4, -1530992060);
  d = h(d, a, b, c, x4, 11, 1272893353);
  c = h(c, d, a, b, x7, 16, -155497632);
  b = h(b, c, d, a, x10, 23, -1094730640);
  a = h(a, b, c, d, x13, 4, 681279174);
  d = h(d, a, b, c, x0, 11, -358537222);
  c = h(c, d, a, b, x3, 16, -722521979);
  b = h(b, c, d, a, x6, 23, 76029189);
  a = h(a, b, c, d, x9, 4, -640364487);
  d = h(d, a, b, c, x12, 11, -421815835);
  c = h(c, d, a, b, x15, 16, 530742520);
  b = h(b, c, d, a, x2, 23, -995338651);
  a = i(a, b, c, d, x0, 6, -198630844);
  d = i(d, a, b, c, x7, 10, 1126891415);
  c = i(c, d, a, b, x14, 15, -1416354905);
  b = i(b, c, d, a, x5, 21, -57434055);
  a = i(a, b, c, d, x12, 6, 1700485571);
  d = i(d, a, b, c, x3, 10, -1894986606);
  c = i(c, d, a, b, x10, 15, -1051523);
  b = i(b, c, d, a, x1, 21, -2054922799);
  a = i(a, b, c, d, x8, 6, 1873313359);
  d = i(d, a, b, c, x15, 10, -30611744);
  c = i(c, d, a, b, x6, 15, -1560198380);
  b = i(b, c, d, a, x13, 21, 1309151649);
  a = i(a, b, c, d, x4, 6, -145523070);
  d = i(d, a, b, c, x11, 10, -1120210379);
  c = i(c, d, a, b, x2, 15, 718787259);
  b = i(b, c, d, a, x9, 21, -343485551);
  state[0] = a0 + a;
  state[1] = b0 + b;
  state[2] = c0 + c;
  state[3] = d0 + d;
}

function f(a: number, b: number, c: number, d: number, x: number, shift: number, t: number): number {
  const sum = (a + (d ^ (b & (c ^ d))) + x + t) | 0;
  return (((sum << shift) | (sum >>> (32 - shift))) + b) | 0;
}

function g(a: number, b: number, c: number, d: number, x: number, shift: number, t: number): number {
  const sum = (a + (c ^ (d & (b ^ c))) + x + t) | 0;
  return (((sum << shift) | (sum >>> (32 - shift))) + b) | 0;
}

function h(a: number, b: number, c: number, d: number, x: number, shift: number, t: number): number {
  const sum = (a + (b ^ c ^ d) + x + t) | 0;
  return (((sum << shift) | (sum >>> (32 - shift))) + b) | 0;
}

function i(a: number, b: number, c: number, d: number, x: number, shift: number, t: number): number {
  const sum = (a + (c ^ (b | ~d)) + x + t) | 0;
  return (((sum << shift) | (sum >>> (32 - shift))) + b) | 0;
}
