/**
 * Buffer's native codecs, called without the argument handling of `toString` and `write`, which for records of a
 * hundred bytes costs as much as the work itself. Every Node has these methods and builds its documented ones on
 * them, but they are not documented: they are used in the hot codecs alone, through this file alone.
 *
 * Callers keep `start ≤ end` within the buffer; writers answer how many bytes they wrote, never past the end.
 */
interface NativeText {
  latin1Slice(start: number, end: number): string;
  base64Slice(start: number, end: number): string;
  base64Write(text: string, at: number, bytesMax: number): number;
  latin1Write(text: string, at: number, bytesMax: number): number;
}

export function latin1Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & NativeText).latin1Slice(start, end);
}

export function base64Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Buffer & NativeText).base64Slice(start, end);
}

export function base64Write(target: Buffer, text: string, at: number, bytesMax: number): number {
  return (target as Buffer & NativeText).base64Write(text, at, bytesMax);
}

export function latin1Write(target: Buffer, text: string, at: number, bytesMax: number): number {
  return (target as Buffer & NativeText).latin1Write(text, at, bytesMax);
}
