/**
 * Draws a picture over the last one. The cursor is never hidden and the terminal's modes stay as they are, so that a
 * process killed at any instant leaves a terminal that works: a promise, since people are invited to kill it.
 */
import type { Terminal } from '../host.js';
import type { Size } from './picture.js';

const up = (lines: number): string => (lines === 0 ? '\r' : `\x1b[${lines}F`);
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';
const clearAll = '\x1b[2J\x1b[H';
/** Terminals that know these show the change as a whole; others ignore them. */
const beginUpdate = '\x1b[?2026h';
const endUpdate = '\x1b[?2026l';

export class Screen {
  readonly #terminal: Terminal;
  #linesDrawn = 0;
  #resized = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.onResize(() => {
      this.#resized = true;
    });
  }

  size(): Size {
    return this.#terminal.size();
  }

  draw(lines: readonly string[]): void {
    // After a resize nobody knows where the old lines have gone.
    const home = this.#resized ? clearAll : up(this.#linesDrawn);
    const drawn = lines.map((line) => `${line}${clearLine}\n`).join('');
    this.#terminal.write(`${beginUpdate}${home}${drawn}${clearBelow}${endUpdate}`);
    this.#linesDrawn = lines.length;
    this.#resized = false;
  }
}
