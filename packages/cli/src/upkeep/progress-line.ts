/** One line on a terminal that says how far a long look has come; nothing where nobody looks on. */
import type { Clock } from '@millrace/base';
import type { Terminal } from '../host.js';
import { fit } from '../style.js';
import { sizeText } from './report-text.js';

const everyMs = 200;

export interface Progress {
  readonly file: string;
  readonly bytesDone: number;
  readonly bytesAll: number;
}

export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  #drawnMs = 0;
  #drawn = false;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  show(what: string, { file, bytesDone, bytesAll }: Progress): void {
    const nowMs = this.#clock.now();
    if (!this.#terminal.isTerminal || nowMs - this.#drawnMs < everyMs) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    const percent = bytesAll === 0 ? 100 : Math.floor((bytesDone / bytesAll) * 100);
    const text = `${what} ${percent} %  ${sizeText(bytesDone)} of ${sizeText(bytesAll)}  ${file}`;
    this.#terminal.write(`\r\x1b[K${fit(text, this.#terminal.size().columns - 1)}`);
  }

  clear(): void {
    if (this.#drawn) this.#terminal.write('\r\x1b[K');
    this.#drawn = false;
  }
}
