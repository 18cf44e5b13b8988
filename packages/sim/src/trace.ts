/**
 * What happened in a run, folded into one number: two runs of one seed have the same trace, byte for byte, or
 * something in the program listens to more than its seed. With a `sink` every line is told as well.
 */
export class Trace {
  readonly #sink: ((line: string) => void) | undefined;
  #low = 0x811c9dc5;
  #high = 0x01000193;
  #events = 0;

  constructor(sink?: (line: string) => void) {
    this.#sink = sink;
  }

  get events(): number {
    return this.#events;
  }

  /** The trace so far as 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  note(what: string, a = 0, b = 0): void {
    this.#events++;
    for (let i = 0; i < what.length; i++) this.#fold(what.charCodeAt(i));
    this.#fold(a % 2 ** 31);
    this.#fold(b % 2 ** 31);
    this.#sink?.(`${this.#events} ${what} ${a} ${b}`);
  }

  #fold(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ (this.#low >>> 7), 0x85ebca6b);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
