/** Small things that are said of bytes everywhere. */

/** A `Buffer` over the same memory as `bytes`, for Node's native reads, writes and codecs. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether `a` and `b` hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return asBuffer(a).equals(b);
}

/** All of `parts`, one after another, in new memory. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

export const kib = 1024;
export const mib = 1024 * kib;
