/**
 * How much is taken in before others have their turn, over all connections. Left alone, Node reads 32 pieces of 64 KiB from
 * each socket that has them in one turn: with its copies 3 to 4 ms, in which nobody else is answered.
 *
 *      turn │ pieces, up to `turnBytesMax` │ others │ those that rest, again │ others │ …
 *
 * Invariant: beyond `turnBytesMax` a connection that has brought a piece rests, and is woken once in the next turn. Only large
 * pieces count: small requests are never held up.
 */
import { kib } from '@millrace/base';

/** With its copies about a millisecond. */
const turnBytesMax = 512 * kib;
const countedBytesMin = 32 * kib;

/** A socket, or what can be paused like one. */
interface Resting {
  pause(): unknown;
}

export class Reception {
  readonly #nextTurn: (run: () => void) => void;
  #bytes = 0;
  #resting = new Map<Resting, () => void>();

  /** `nextTurn` calls back once whatever else is ready has run. */
  constructor(nextTurn: (run: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** Counts a piece that `socket` has brought, which is paused when that is enough; it is not resumed before `wake` is called. */
  took(bytes: number, socket: Resting, wake: () => void): void {
    if (bytes < countedBytesMin) return;
    if (this.#bytes === 0) this.#nextTurn(() => this.#turn());
    this.#bytes += bytes;
    if (this.#bytes < turnBytesMax) return;
    this.#resting.set(socket, wake);
    socket.pause();
  }

  rests(socket: Resting): boolean {
    return this.#resting.has(socket);
  }

  #turn(): void {
    this.#bytes = 0;
    const woken = this.#resting;
    this.#resting = new Map();
    for (const wake of woken.values()) wake();
  }
}
