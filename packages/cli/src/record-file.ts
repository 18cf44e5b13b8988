/** The files that `put` and `replay` read and write: the only place where they touch them. */
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, readFile, stat } from 'node:fs/promises';
import { UsageError } from './usage-error.js';

const chunkBytes = 1024 * 1024;
/** AWS's bound on a record, where a stream is set to the highest. */
const recordBytesMax = 10 * 1024 * 1024;

/** What a file that cannot be used says of itself, in one line. */
function told(path: string, error: unknown): UsageError {
  const reason =
    error instanceof Error ? error.message.replace(/^[A-Z]+: /, '').replace(/, \w+ '.*$/, '') : String(error);
  return new UsageError(`${path}: ${reason}`, { cause: error });
}

/** A file that is one record. */
export async function wholeFile(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > recordBytesMax) {
      throw new UsageError(`${path} has ${size} bytes, and no record may have more than ${recordBytesMax}`);
    }
    return await readFile(path);
  } catch (error) {
    throw error instanceof UsageError ? error : told(path, error);
  }
}

export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }))
      yield chunk as Uint8Array;
  } catch (error) {
    throw told(path, error);
  }
}

/** A new file that is written from its start. One that is there already is not touched. */
export class NewFile {
  readonly #handle: FileHandle;
  readonly #path: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  static async create(path: string): Promise<NewFile> {
    try {
      return new NewFile(await open(path, 'wx'), path);
    } catch (error) {
      throw told(path, error);
    }
  }

  async write(text: string): Promise<void> {
    try {
      await this.#handle.writeFile(text);
    } catch (error) {
      throw told(this.#path, error);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
