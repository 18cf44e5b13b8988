/**
 * The only socket. One listening port; the first bytes of a connection say whether it goes to HTTP/1.1 or HTTP/2.
 *
 *      accepted ──▶ sniffing ──PRI──▶ HTTP/2 session
 *                   ▲ │ │ └──anything else──▶ HTTP/1.1 connection
 *                   │ │ └──ClientHello──▶ handshake ──h2──▶ HTTP/2 session
 *                   │ │                      └──otherwise─┐
 *                   └─┼───────────────────────────────────┘
 *                     └──silence, too many──▶ refused, closed
 *
 * Invariant: every accepted socket is in `#sockets` until it is closed, so that `close` can end them all.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { assert, type Clock, type Random } from '@millrace/base';
import type { Logger } from '../logger.js';
import type { ExchangeHandler } from './exchange.js';
import { Http1 } from './http1.js';
import type { Http2 } from './http2.js';
import { Intake } from './intake.js';
import { type GatewayLimits, gatewayLimits } from './limits.js';
import { type Refusal, refusalBytes, refusals } from './refusal.js';
import { RequestIds } from './request-id.js';
import { type Spoken, sniff } from './sniff.js';
import type { Tls, TlsPair } from './tls.js';

/** Connections over the limit that may be told so at one time; beyond them the kernel's queue is closed unread. */
const refusedConnectionsMax = 64;

export interface GatewayOptions {
  readonly handle: ExchangeHandler;
  /** Real time: a client's slowness is not measured on a clock that tests hold. */
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<GatewayLimits>;
  /** Whether TLS is spoken, as soon as `useCertificate` has said with what. Default false. */
  readonly tls?: boolean;
  /** Whether requests without TLS are taken. Default true. */
  readonly cleartext?: boolean;
}

export class Gateway {
  readonly #intake: Intake;
  readonly #server: Server;
  readonly #http1: Http1;
  readonly #speaksTls: boolean;
  readonly #cleartext: boolean;
  #http2: Promise<Http2> | undefined;
  #tls: Tls | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #sniffing = new Set<Socket>();
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const limits = { ...gatewayLimits, ...options.limits };
    this.#intake = new Intake(
      limits,
      new RequestIds(options.random),
      options.clock,
      options.logger,
      options.handle,
    );
    this.#http1 = new Http1(this.#intake);
    this.#speaksTls = options.tls ?? false;
    this.#cleartext = options.cleartext ?? true;
    // A client that ends its side after the request still gets its answer.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = limits.connectionsMax + refusedConnectionsMax;
  }

  /** Listens; answers the port. Rejects with the system's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`). */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (error) => {
          this.#intake.logger.error('the listening socket failed', { error: error.message });
        });
        const address: AddressInfo | string | null = this.#server.address();
        assert(typeof address === 'object' && address !== null, 'a TCP server has an address');
        resolve(address.port);
      });
    });
  }

  /** Speaks TLS from here on, with this certificate in the place of the one before. Throws what OpenSSL says of it. */
  async useCertificate(pair: TlsPair): Promise<void> {
    if (this.#tls !== undefined) {
      this.#tls.replace(pair);
      return;
    }
    const { Tls } = await import('./tls.js');
    this.#tls = new Tls(this.#intake, pair, (socket, raw) => this.#secured(socket, raw));
  }

  /** What is held now, for tests and metrics. */
  get load(): {
    readonly connections: number;
    readonly inFlight: number;
    readonly streaming: number;
    readonly bufferedBytes: number;
  } {
    return {
      streaming: this.#intake.streaming,
      connections: this.#sockets.size,
      inFlight: this.#intake.inFlight,
      bufferedBytes: this.#intake.budget.taken + this.#intake.pieceBudget.taken,
    };
  }

  /** Takes nothing more, lets what is in flight finish for as long as the limit says, then ends every connection. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { clock, limits } = this.#intake;
    this.#intake.beginClosing();
    const ended = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sniffing) socket.destroy();
    this.#http1.beginClosing();
    const http2 = await this.#http2;
    http2?.beginClosing();
    const timer = clock.schedule(limits.closeMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await ended;
    // The server counts its connections down before they have closed.
    for (const socket of this.#sockets) await new Promise((resolve) => socket.once('close', resolve));
    timer.cancel();
    http2?.close();
  }

  #accept(socket: Socket): void {
    const { limits, logger } = this.#intake;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => logger.debug('a connection failed', { error: error.message }));
    socket.once('finish', () => this.#linger(socket));
    if (this.#sockets.size > limits.connectionsMax) {
      this.#turnAway(socket, refusals.tooManyConnections(limits.connectionsMax));
      return;
    }
    if (this.#intake.closing) {
      socket.destroy();
      return;
    }
    this.#sniff(socket, socket);
  }

  #shakeHands(raw: Socket): void {
    this.#sniffing.add(raw);
    raw.once('close', () => this.#sniffing.delete(raw));
    this.#tls?.add(raw);
  }

  /** A handshake is done. `raw` is the connection that it was done on. */
  #secured(socket: TLSSocket, raw: Socket): void {
    this.#sniffing.delete(raw);
    socket.once('finish', () => this.#linger(raw));
    if (this.#intake.closing) raw.destroy();
    else if (socket.alpnProtocol === 'h2') this.#giveToHttp2(socket);
    else this.#sniff(socket, raw);
  }

  /** `raw` is `socket` itself, or the connection beneath its TLS. */
  #sniff(socket: Socket, raw: Socket): void {
    const { limits } = this.#intake;
    this.#sniffing.add(socket);
    let seen: Buffer = Buffer.alloc(0);
    const late = (): void => {
      settle();
      this.#turnAway(socket, refusals.slow(limits.headerMs));
    };
    const timer = this.#intake.clock.schedule(limits.headerMs, late);
    const ended = (): void => {
      settle();
      if (seen.length === 0) socket.destroy();
      else this.#turnAway(socket, refusals.malformed('it ended before it began'));
    };
    const settle = (): void => {
      timer.cancel();
      this.#sniffing.delete(socket);
      socket.removeListener('data', look);
      socket.removeListener('end', ended);
      socket.removeListener('close', settle);
    };
    const look = (chunk: Buffer): void => {
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const spoken = sniff(seen);
      if (spoken === 'more') return;
      settle();
      const refusal = this.#refusalOf(spoken, socket !== raw);
      if (refusal !== undefined) {
        this.#turnAway(socket, refusal);
        return;
      }
      if (spoken === 'http1') {
        this.#http1.add(socket, seen);
        return;
      }
      socket.pause();
      socket.unshift(seen);
      if (spoken === 'tls') this.#shakeHands(socket);
      else this.#giveToHttp2(socket === raw ? socket : agreedByPreface(socket));
    };
    socket.on('data', look);
    socket.once('end', ended);
    socket.once('close', settle);
  }

  /** Why what is spoken is not, if it is not: under TLS as `secured`, or without. */
  #refusalOf(spoken: Spoken, secured: boolean): Refusal | undefined {
    if (secured) return spoken === 'tls' ? refusals.malformed('it comes as TLS in TLS') : undefined;
    if (spoken === 'tls') {
      if (this.#tls !== undefined) return undefined;
      if (this.#speaksTls) return refusals.starting;
      this.#intake.logger.warn('a client spoke TLS to this port, which speaks cleartext: use http://');
      return refusals.cleartext;
    }
    return this.#cleartext ? undefined : refusals.tlsOnly;
  }

  #giveToHttp2(socket: Socket): void {
    this.#http2 ??= import('./http2.js').then(({ Http2 }) => new Http2(this.#intake));
    this.#http2.then(
      (http2) => {
        if (!socket.destroyed) http2.add(socket);
      },
      (error: unknown) => {
        // Only a broken installation lacks the module: nothing can go on as if it were there.
        process.nextTick(() => {
          throw error;
        });
      },
    );
  }

  #turnAway(socket: Socket, refusal: Refusal): void {
    socket.end(refusalBytes(refusal));
    socket.resume();
  }

  /**
   * We have said our last. What the client still sends is read and dropped for a while: closing on unread bytes would
   * make the kernel reset the connection, and the answer would be lost with it. Then the socket goes, whether or not
   * the client has ended its side.
   */
  #linger(socket: Socket): void {
    const timer = this.#intake.clock.schedule(this.#intake.limits.discardMs, () => socket.destroy());
    socket.once('close', () => timer.cancel());
  }
}

/**
 * HTTP/2 over TLS that no handshake agreed on, against RFC 9113, section 3.2. AWS takes it: the asynchronous client of
 * the AWS SDK for Java v2 assumes HTTP/2 and offers no ALPN, and reaches Kinesis so. node:http2 would refuse it.
 */
function agreedByPreface(socket: Socket): Socket {
  return Object.assign(socket, { alpnProtocol: 'h2' });
}
