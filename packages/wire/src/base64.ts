/**
 * Base64 as AWS takes it: the standard alphabet, padded, nothing around it, and no stray bits in the last character.
 * Node's own decoder forgives all of that, so what it says is checked before it is believed.
 */
import { asBuffer } from '@millrace/base';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The bytes that `text` spells, or AWS's complaint about it. Source of the three complaints, the misspelt one
 * included: kinesalite's table, recorded against AWS.
 */
export function decodeBase64(text: string): Uint8Array | string {
  const { length } = text;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const endsWell = padding === 0 || endsClean(text.charCodeAt(length - padding - 1), padding);
  if (length % 4 === 0 && endsWell) {
    const decoded = Buffer.from(text, 'base64');
    // Node passes over what is not base64, so that a wrong character costs a byte; the URL's alphabet it reads.
    const whole = decoded.length === (length / 4) * 3 - padding;
    if (whole && !text.includes('-') && !text.includes('_')) {
      return new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength);
    }
  }
  return complaint(text);
}

function complaint(text: string): string {
  if (text.length % 4 !== 0) {
    return `Base64 encoded length is expected a multiple of 4 bytes but found: ${text.length}`;
  }
  const strange = /[^a-zA-Z0-9+/=]|=[^=]/.exec(text);
  if (strange !== null) return `Invalid Base64 character: '${strange[0].charAt(0)}'`;
  return 'Invalid last non-pad Base64 character dectected';
}

/** Whether the last character before `padding` (1 or 2) has no bits beyond the last byte. */
export function endsClean(lastCharacter: number, padding: number): boolean {
  const value = alphabet.indexOf(String.fromCharCode(lastCharacter));
  return value >= 0 && (value & (padding === 1 ? 0b11 : 0b1111)) === 0;
}

export function encodeBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64');
}
