/**
 * ASN.1 in DER (ITU-T X.690), as much of it as a certificate needs: every value is a tag, a length and bytes.
 *
 *      value  = tag length content
 *      length = one byte below 128, else 0x80 + count and that many bytes, the most significant first
 */

export type Der = Uint8Array;

export const derSequence = (...values: readonly Der[]): Der => der(0x30, Buffer.concat(values));
export const derSet = (...values: readonly Der[]): Der => der(0x31, Buffer.concat(values));
export const derOctets = (bytes: Uint8Array): Der => der(0x04, bytes);
export const derUtf8 = (text: string): Der => der(0x0c, Buffer.from(text, 'utf8'));
export const derTrue: Der = der(0x01, Uint8Array.of(0xff));

/** A non-negative integer of any length, most significant byte first. */
export function derInteger(bytes: Uint8Array): Der {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const digits = bytes.subarray(from);
  // A first bit that is set would make it negative.
  return der(0x02, (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Uint8Array.of(0), digits]) : digits);
}

/** Bits, of which the last `unused` do not count. */
export function derBits(bytes: Uint8Array, unused = 0): Der {
  return der(0x03, Buffer.concat([Uint8Array.of(unused), bytes]));
}

/** An object identifier, as `1.2.840.10045.4.3.2`. */
export function derOid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** An instant, to the second: UTCTime until 2049 and GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function derTime(timeMs: number): Der {
  const digits = new Date(timeMs).toISOString().replace(/[-:T]|\.\d{3}/g, '');
  const text = (from: number): Uint8Array => Buffer.from(digits.slice(from), 'latin1');
  return Number(digits.slice(0, 4)) < 2050 ? der(0x17, text(2)) : der(0x18, text(0));
}

/** A value under a tag of its context: built of values (`explicit`), or bytes in the place of its own tag. */
export function derContext(tag: number, content: Uint8Array, explicit: boolean): Der {
  return der((explicit ? 0xa0 : 0x80) + tag, content);
}

function der(tag: number, content: Uint8Array): Der {
  const { length } = content;
  const lengthBytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) lengthBytes.unshift(left % 256);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 + lengthBytes.length, ...lengthBytes];
  return Buffer.concat([Uint8Array.from(head), content]);
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
    digits.unshift((left % 128) + 0x80);
  }
  return digits;
}
