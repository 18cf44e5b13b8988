/** Pieces of CBOR that the hot encoders make once and copy often. */
import { cborHeadBytesMax, writeCborHead } from '@millrace/wire';

/** A head of `major` and `argument`, by itself. */
export function cborHead(major: number, argument: number): Buffer {
  const head = Buffer.alloc(cborHeadBytesMax);
  return head.subarray(0, writeCborHead(head, 0, major, argument));
}

export function cborText(text: string): Buffer {
  return Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)]);
}
