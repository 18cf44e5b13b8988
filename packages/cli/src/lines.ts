/**
 * Lines out of chunks of bytes, in batches: each batch has the lines that one chunk completed, so that what is typed or
 * piped is passed on at once, and a large file in large steps. The end of a line is LF or CRLF; a last line needs none.
 */
import { UsageError } from './usage-error.js';

/** One record, with its key, takes no more on AWS. */
const lineBytesMax = 10 * 1024 * 1024;
const newline = 0x0a;
const carriageReturn = 0x0d;

export async function* lineBatches(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Buffer[]> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  for await (const chunk of chunks) {
    const batch: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      batch.push(trimmed(Buffer.concat([...pieces, chunk.subarray(from, at)])));
      pieces = [];
      pieceBytes = 0;
      from = at + 1;
    }
    pieces.push(chunk.subarray(from));
    pieceBytes += chunk.length - from;
    if (pieceBytes > lineBytesMax) {
      throw new UsageError(`a line has more than ${lineBytesMax} bytes, which no record may have`);
    }
    if (batch.length > 0) yield batch;
  }
  if (pieceBytes > 0) yield [trimmed(Buffer.concat(pieces))];
}

/** What `source` gives until `signal` aborts: a keyboard that is silent holds nobody who was told to stop. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const values = source[Symbol.asyncIterator]();
  for (;;) {
    const step = await nextUnlessAborted(values, signal);
    if (step === undefined || step.done === true) return;
    yield step.value;
  }
}

/** Undefined when `signal` aborts first. A listener a step and none left over: there may be millions. */
function nextUnlessAborted<T>(
  values: AsyncIterator<T>,
  signal: AbortSignal,
): Promise<IteratorResult<T> | undefined> {
  return new Promise((resolve, reject) => {
    const settled = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = (): void => resolve(undefined);
    if (signal.aborted) {
      resolve(undefined);
      return;
    }
    signal.addEventListener('abort', onAbort);
    values.next().then(
      (step) => settled(() => resolve(step)),
      (error: unknown) => settled(() => reject(error)),
    );
  });
}

function trimmed(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}
