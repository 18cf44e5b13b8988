/** HTTP/1.1: all its connections, and one look at them now and then for those that are slow or idle. */
import type { Socket } from 'node:net';
import type { Timer } from '@millrace/base';
import { Http1Connection } from './http1-connection.js';
import type { Intake } from './intake.js';

/** They are looked at this often at the least, and a quarter of the shortest limit at the most. */
const sweepMsMin = 25;
const sweepMsMax = 2_000;

export class Http1 {
  readonly #intake: Intake;
  readonly #connections = new Set<Http1Connection>();
  readonly #sweepMs: number;
  #sweeper: Timer | undefined;

  constructor(intake: Intake) {
    const { limits } = intake;
    this.#intake = intake;
    const shortestMs = Math.min(limits.headerMs, limits.requestMs, limits.idleMs, limits.stalledAnswerMs);
    this.#sweepMs = Math.max(sweepMsMin, Math.min(sweepMsMax, shortestMs / 4));
  }

  /** Takes a socket over, of which `first` has been read. */
  add(socket: Socket, first: Buffer): void {
    const connection = new Http1Connection(this.#intake, socket);
    this.#connections.add(connection);
    this.#sweeper ??= this.#scheduleSweep();
    socket.once('close', () => {
      this.#connections.delete(connection);
      connection.closed();
    });
    connection.receive(first);
  }

  /** From here on each connection ends with the answer to what it has in flight; those that have nothing end now. */
  beginClosing(): void {
    for (const connection of this.#connections) connection.endIfIdle();
  }

  /** One timer for all, and none while there is nobody. */
  #scheduleSweep(): Timer {
    return this.#intake.clock.schedule(this.#sweepMs, () => {
      const nowMs = this.#intake.clock.now();
      for (const connection of this.#connections) connection.sweep(nowMs);
      this.#sweeper = this.#connections.size === 0 ? undefined : this.#scheduleSweep();
    });
  }
}
