/**
 * TLS beneath the same two protocols: 1.2 and newer, with h2, http/1.1 and http/1.0 by ALPN.
 *
 *      ClientHello ──▶ handshake ──secure──▶ h2: HTTP/2 session
 *                         │        └────────▶ http/1.1, or nothing agreed on: sniffed as cleartext is
 *                         └──refused, garbage, slow──▶ closed
 *
 * A handshake has as long as a connection's first bytes have, all of it together: a client that sends a byte now and
 * then does not hold it open.
 */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Intake } from './intake.js';

/** What a context is made of. PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export class Tls {
  readonly #intake: Intake;
  /** node:tls's server, which never listens: it is handed connections, as its documents say that it may be. */
  readonly #server: Server;
  /** Connections under handshake by their two ends: node:tls does not say which one it has secured. */
  readonly #pending = new Map<string, { readonly raw: Socket; readonly done: () => void }>();

  /** `secure` is called with every connection whose handshake is done. Throws what OpenSSL says of the pair. */
  constructor(intake: Intake, pair: TlsPair, secure: (socket: TLSSocket, raw: Socket) => void) {
    const { limits, logger } = intake;
    this.#intake = intake;
    this.#server = createServer({
      ...pair,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1', 'http/1.0'],
      handshakeTimeout: limits.headerMs,
    });
    this.#server.on('tlsClientError', (error) => {
      logger.debug('a TLS handshake failed', { error: error.message });
    });
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', (error) => logger.debug('a TLS connection failed', { error: error.message }));
      const pending = this.#pending.get(endsOf(socket));
      // One whose other end is gone already has lost its address.
      if (pending === undefined) {
        socket.destroy();
        return;
      }
      pending.done();
      secure(socket, pending.raw);
    });
  }

  /** From here on handshakes use another certificate; connections that stand go on. */
  replace(pair: TlsPair): void {
    this.#server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
  }

  /** Takes a socket, whose first bytes have been put back, through its handshake. */
  add(raw: Socket): void {
    const { clock, limits, logger } = this.#intake;
    const ends = endsOf(raw);
    const done = (): void => {
      timer.cancel();
      this.#pending.delete(ends);
      raw.removeListener('close', done);
    };
    // node:tls's own limit is one of silence.
    const timer = clock.schedule(limits.headerMs, () => {
      logger.debug('a TLS handshake was too slow', { limitMs: limits.headerMs });
      raw.destroy();
    });
    raw.once('close', done);
    this.#pending.set(ends, { raw, done });
    this.#server.emit('connection', raw);
  }
}

/** Unlike that of any other connection that stands. */
function endsOf({ localAddress, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${remoteAddress} ${remotePort}`;
}
