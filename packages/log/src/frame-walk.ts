/**
 * A walk over the frames of a journal file that recovery, or the writer, has found whole: commit headers are checked
 * and stepped over, payloads are not looked at.
 *
 *      │ header │frame│frame│ header │frame│ …          next(): what the window holds;  load(): reads as needed
 *
 * Invariant: no head is handed on whose checksum does not hold. What should be there and is not is damage, named with
 * its file and offset.
 */
import { commitHeaderAt, commitHeaderBytes, commitMagic } from './commit.js';
import type { DiskFile } from './disk.js';
import type { FileWindow } from './file-window.js';
import { type FrameHead, frameFixedBytes, frameHeadAt, frameHeadBytesAt } from './frame.js';
import { LogError } from './log-error.js';

export interface WalkBounds {
  readonly name: string;
  /** The synced length of the file. */
  readonly end: number;
  readonly offset: number;
  /** Frames start before this. */
  readonly stop: number;
}

export class FrameWalk {
  readonly #window: FileWindow;
  readonly #file: DiskFile;
  readonly #end: number;
  readonly #tag: number;
  readonly #name: string;
  readonly #stop: number;
  /** Where the next frame or commit header is. */
  offset: number;

  constructor(window: FileWindow, file: DiskFile, tag: number, bounds: WalkBounds) {
    window.attach(file, bounds.name, bounds.end);
    this.#window = window;
    this.#file = file;
    this.#end = bounds.end;
    this.#tag = tag;
    this.#name = bounds.name;
    this.#stop = Math.min(bounds.stop, bounds.end);
    this.offset = bounds.offset;
  }

  /** The frame at the walk's offset; `undefined` when the window does not hold its head. */
  next(): FrameHead | undefined {
    const window = this.#window;
    while (this.offset < this.#stop && window.holds(this.offset, frameFixedBytes)) {
      const at = window.at(this.offset);
      if (window.bytes.readUInt32LE(at) === commitMagic) {
        if (!window.holds(this.offset, commitHeaderBytes)) return undefined;
        if (commitHeaderAt(window.bytes, at) === undefined) throw this.damaged();
        this.offset += commitHeaderBytes;
        continue;
      }
      const headBytes = frameHeadBytesAt(window.bytes, at);
      if (headBytes === undefined) throw this.damaged();
      if (!window.holds(this.offset, headBytes)) return undefined;
      const head = frameHeadAt(window.bytes, at, this.#tag);
      if (head === undefined) throw this.damaged();
      return head;
    }
    return undefined;
  }

  /** As `next`, reading as needed; `undefined` at the walk's stop. */
  async load(): Promise<FrameHead | undefined> {
    const window = this.#window;
    while (this.offset < this.#stop) {
      const { offset } = this;
      if (!window.holds(offset, frameFixedBytes)) {
        await this.#fill(frameFixedBytes);
      } else {
        const at = window.at(offset);
        const isCommit = window.bytes.readUInt32LE(at) === commitMagic;
        const wanted = isCommit ? commitHeaderBytes : frameHeadBytesAt(window.bytes, at);
        if (wanted === undefined) throw this.damaged();
        if (!window.holds(offset, wanted)) await this.#fill(wanted);
      }
      const head = this.next();
      if (head !== undefined) return head;
    }
    return undefined;
  }

  /** The checked payload of the frame at the walk's offset; `undefined` when the window does not hold all of it. */
  payload(head: FrameHead): Buffer | undefined {
    if (!this.#window.holds(this.offset, head.length)) return undefined;
    const payload = head.payload(this.#tag);
    if (payload === undefined) throw this.damaged();
    return payload;
  }

  /** Reads the whole frame; its head has to be asked for again, because the bytes have moved. */
  loadFrame(head: FrameHead): Promise<void> {
    return this.#fill(head.length);
  }

  /** Reads the whole frame into memory of its own, and checks it. */
  async loadApart(head: FrameHead): Promise<{ readonly head: FrameHead; readonly payload: Buffer }> {
    const bytes = Buffer.allocUnsafeSlow(head.length);
    if (this.offset + bytes.length > this.#end) throw this.damaged();
    const read = await this.#file.read(bytes, this.offset);
    const apart = read < bytes.length ? undefined : frameHeadAt(bytes, 0, this.#tag);
    const payload = apart?.payload(this.#tag);
    if (apart === undefined || payload === undefined) throw this.damaged();
    return { head: apart, payload };
  }

  damaged(): LogError {
    return new LogError('damaged', `${this.#name} is damaged at offset ${this.offset}`);
  }

  async #fill(length: number): Promise<void> {
    if (!(await this.#window.fill(this.offset, length))) throw this.damaged();
  }
}
