/**
 * The composition root: one server, from its options to its end.
 *
 *      start ──▶ starting ──listening, log recovered, streams made──▶ ready ──close──▶ stopping ──▶ closed
 *                   └──▶ StartError: nothing is left behind            ▲ └─reset─▶ resetting ─┐
 *                                                                      └──────────────────────┘
 *
 * The port is taken first, so that a second server fails before it has touched anything; until the log is open each
 * request is answered that the server is starting. Only here do gateway, dispatch, control and the services meet.
 *
 *      socket ─▶ Gateway ─┬─ /_millrace/… ─▶ Control
 *                         └─ all else ─────▶ Dispatch ─▶ Service ─▶ log
 */
import { type AdjustableClock, type Random, SystemClock, sleep, systemRandom } from '@millrace/base';
import { ServerClock } from './clock/server-clock.js';
import { certificateRoute } from './control/certificate-route.js';
import { clockRoutes } from './control/clock-routes.js';
import { Control, type Health } from './control/control.js';
import { faultRoutes } from './control/fault-routes.js';
import { metricsRoutes } from './control/metrics-routes.js';
import { snapshotRoutes } from './control/snapshot-routes.js';
import { Dispatch } from './dispatch/dispatch.js';
import type { Service } from './dispatch/operation.js';
import { Faults } from './faults/faults.js';
import { type FirstStream, makeFirstStreams } from './first-streams.js';
import type { Exchange } from './gateway/exchange.js';
import { Gateway } from './gateway/gateway.js';
import type { GatewayLimits } from './gateway/limits.js';
import { refusalAnswer, refusals } from './gateway/refusal.js';
import { jsonLogger, type Logger, silentLogger, textLogger } from './logger.js';
import { openState, type ServerState } from './server-state.js';
import {
  checkOptions,
  isLoopback,
  isWildcard,
  listenError,
  loopbackNames,
  portMax,
  reachableHost,
} from './start-options.js';
import { CodecThreads } from './streams/codec/codec-threads.js';
import type { StreamsDelays, StreamsLimits } from './streams/limits.js';
import { type Sources, Telemetry } from './telemetry/telemetry.js';
import type { Certificate, CertificateSource } from './tls/certificate.js';

export interface MillraceOptions {
  /** Keep everything in memory, and nothing after the end. Either this or `dataDir`. */
  readonly ephemeral?: boolean;
  /** Where the data is kept; made when it is not there. */
  readonly dataDir?: string;
  /** Where the master keys of encrypted streams are kept; default `keys` in `dataDir`. Not with `ephemeral`. */
  readonly keysDir?: string;
  /** What to listen on; default 127.0.0.1. One that others can reach needs `insecure`. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Take the next free port when `port` is occupied. */
  readonly portFallback?: boolean;
  /** Nobody's identity is checked, and that is meant, although others can reach the port. */
  readonly insecure?: boolean;
  /**
   * Speak TLS on the same port: with a certificate of our own (`own`), kept in the data directory, or with one in two
   * files of PEM.
   */
  readonly tls?: CertificateSource;
  /** With `tls`: whether requests without it are taken as well. Default true. */
  readonly cleartext?: boolean;
  /** Names and addresses that others call this server by, besides `host`: for our certificate, and as our own. */
  readonly names?: readonly string[];
  /** Streams to make unless they are there; they are ACTIVE when the server has started. */
  readonly create?: readonly FirstStream[];
  /** The time that streams see. Default: one that runs with the machine's, and is kept with the data. */
  readonly clock?: AdjustableClock;
  readonly random?: Random;
  /** A logger, or lines on stderr; default none. */
  readonly log?: Logger | 'json' | 'text' | 'none';
  /** How long streams stay CREATING, UPDATING and DELETING; default 50 ms each. */
  readonly delays?: Partial<StreamsDelays>;
  /**
   * How many threads work on requests: one owns sockets and log, the others decode large bodies and encode large
   * pages. They start with the first of these. With 2 or more, old records are settled on one more thread. Default 1.
   */
  readonly threads?: number;
  /** `aws` keeps AWS's rates of operations, shards and subscriptions; `none`, the default, its sizes and counts alone. */
  readonly rates?: 'aws' | 'none';
  /**
   * Bytes of memory that the log may hold so as not to read from the disk again: the newest records first of all. Default
   * 96 MiB. All else (the program, what requests are under way, the streams themselves) comes on top.
   */
  readonly cacheBytes?: number;
  readonly limits?: { readonly gateway?: Partial<GatewayLimits>; readonly streams?: Partial<StreamsLimits> };
}

/** Ports tried after an occupied one. */
const portFallbacksMax = 100;
/** How long a reset waits for the requests before it. */
const resetWaitMs = 5_000;

export class Millrace implements AsyncDisposable {
  /** `http://127.0.0.1:4567`, or `https://…` with `tls`: where clients are pointed to. */
  readonly endpoint: string;
  readonly port: number;
  /** The server's own time: hold it, advance it, release it. With a data directory it is kept over restarts. */
  readonly clock: AdjustableClock;
  /** What goes wrong on purpose: nothing, until it is told to. */
  readonly faults: Faults;
  readonly #server: Server;

  private constructor(server: Server, endpoint: string, port: number) {
    this.#server = server;
    this.endpoint = endpoint;
    this.port = port;
    this.clock = server.clock;
    this.faults = server.faults;
  }

  /** Starts a server; it answers when this resolves. Rejects with `StartError`. */
  static async start(options: MillraceOptions): Promise<Millrace> {
    const host = options.host ?? '127.0.0.1';
    checkOptions(options, host);
    const server = new Server(options, host);
    try {
      const port = await server.listen(host, options.port ?? 0, options.portFallback ?? false);
      const scheme = options.tls === undefined ? 'http' : 'https';
      const endpoint = `${scheme}://${reachableHost(host)}:${port}`;
      await server.open(options.create ?? [], endpoint);
      server.logger.info('listening', { endpoint, dataDir: options.dataDir });
      return new Millrace(server, endpoint, port);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** What clients have to trust to speak TLS with us, as PEM; undefined without `tls`. */
  get certificate(): string | undefined {
    return this.#server.certificate;
  }

  /** Lets requests in flight finish, syncs everything and lets go of port and data; under five seconds. */
  close(): Promise<void> {
    return this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The parts, and which of them are up. */
class Server {
  readonly clock: AdjustableClock;
  readonly faults: Faults;
  readonly logger: Logger;
  readonly #options: MillraceOptions;
  /** What others call us, loopback aside. */
  readonly #names: readonly string[];
  readonly #realClock = new SystemClock();
  readonly #gateway: Gateway;
  readonly #dispatch: Dispatch;
  readonly #control: Control;
  readonly #codec: CodecThreads;
  readonly #telemetry = new Telemetry();
  #phase: 'starting' | 'ready' | 'stopping' = 'starting';
  #state: ServerState | undefined;
  #certificate: Certificate | undefined;
  /** Told by the lock of the data directory, to those who may open it. */
  readonly #pass = Buffer.from(systemRandom.bytes(24)).toString('hex');
  #endpoint = '';
  #resetting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: MillraceOptions, host: string) {
    this.#options = options;
    this.clock = options.clock ?? new ServerClock(this.#realClock);
    this.logger = loggerOf(options.log ?? 'none', this.#realClock);
    this.#names = [...(isWildcard(host) ? [] : [host]), ...(options.names ?? [])].map((name) =>
      name.toLowerCase(),
    );
    const ownHosts = new Set(this.#names);
    const { clock, logger } = this;
    const services = (): readonly Service[] => this.#state?.services ?? [];
    const { requests: meter } = this.#telemetry;
    this.#dispatch = new Dispatch({ services, clock, logger, ownHosts, meter });
    this.faults = new Faults({
      random: options.random ?? systemRandom,
      operations: () => this.#operationNames(),
      changed: () => this.#placeFaults(),
      report: (message, fields) => logger.warn(message, fields),
    });
    this.#control = new Control({
      health: () => this.#health(),
      reset: options.ephemeral === true ? () => this.#reset() : undefined,
      routes: [
        ...clockRoutes(clock, this.#realClock),
        ...faultRoutes(this.faults),
        certificateRoute(() => this.certificate),
        ...metricsRoutes(() => this.#telemetry.families(this.#sources())),
        ...snapshotRoutes({
          make: () => this.#state?.snapshot,
          pass: this.#pass,
          clock: this.#realClock,
          logger,
        }),
      ],
      ownHosts,
      logger,
    });
    this.#codec = new CodecThreads({ threads: (options.threads ?? 1) - 1, clock: this.#realClock, logger });
    this.#gateway = new Gateway({
      handle: (exchange) => this.#handle(exchange),
      clock: this.#realClock,
      random: options.random ?? systemRandom,
      logger,
      limits: options.limits?.gateway ?? {},
      tls: options.tls !== undefined,
      cleartext: options.cleartext ?? true,
    });
    if (!isLoopback(host)) {
      logger.warn('everybody who reaches this port can read and write every stream', { host });
    }
  }

  async listen(host: string, port: number, fallback: boolean): Promise<number> {
    const last = fallback && port !== 0 ? Math.min(port + portFallbacksMax, portMax) : port;
    for (let tried = port; ; tried++) {
      try {
        return await this.#gateway.listen(host, tried);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tried >= last) {
          throw listenError(error, host, port, last);
        }
      }
    }
  }

  async open(create: readonly FirstStream[], endpoint: string): Promise<void> {
    this.#endpoint = endpoint;
    this.#state = await this.#openState();
    await this.#openCertificate();
    await makeFirstStreams(this.#state, create, this.clock, this.#realClock);
    this.#keepRates(this.#state);
    this.#phase = 'ready';
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const served = this.#phase === 'ready';
    this.#phase = 'stopping';
    const closed = this.#gateway.close();
    this.#state?.streams.polling.close();
    await closed;
    await new Promise<void>((resolve) => (this.#resetting ? this.#afterReset(resolve) : resolve()));
    await this.#state?.close();
    await this.#codec.close();
    await this.#certificate?.close();
    this.#telemetry.close();
    // A start that failed has its one line of error, and that is all that is said.
    if (served) this.logger.info('stopped');
  }

  get certificate(): string | undefined {
    return this.#certificate?.pair.cert;
  }

  async #openCertificate(): Promise<void> {
    const { tls: source, dataDir, random = systemRandom } = this.#options;
    if (source === undefined) return;
    const { Certificate } = await import('./tls/certificate.js');
    const gateway = this.#gateway;
    this.#certificate = await Certificate.open({
      source,
      dataDir,
      names: [...new Set([...loopbackNames, ...this.#names])],
      clock: this.#realClock,
      random,
      logger: this.logger,
      replace: (pair) => gateway.useCertificate(pair),
    });
    await gateway.useCertificate(this.#certificate.pair);
  }

  #handle(exchange: Exchange): void {
    if (this.#control.owns(exchange.path)) this.#control.handle(exchange);
    else if (this.#phase !== 'ready') exchange.respond(refusalAnswer(refusals.starting));
    else if (this.#resetting === undefined) this.#dispatch.handle(exchange);
    else this.#afterReset(() => this.#dispatch.handle(exchange));
  }

  /** Whether the reset succeeded is for whoever asked for it; the others go on with the state that there is. */
  #afterReset(go: () => void): void {
    this.#resetting?.then(go, go);
  }

  #health(): Health {
    if (this.#phase !== 'ready') return { ready: false, reason: `the server is ${this.#phase}` };
    const health = this.#state?.health();
    return { ready: health?.writable ?? false, reason: health?.reason };
  }

  #sources(): Sources {
    const { clock, faults } = this;
    return {
      ready: this.#health().ready,
      gateway: this.#gateway.load,
      clock: { held: clock.held, aheadMs: clock.now() - this.#realClock.now() },
      faults: { set: faults.list().length, struck: faults.struck() },
      state: this.#phase === 'ready' ? this.#state?.numbers() : undefined,
    };
  }

  /** Not before the streams that a start makes are there: they are ours, and as many as somebody wants. */
  #keepRates({ streams }: ServerState): void {
    if (this.#options.rates === 'aws') streams.admission.keepRates();
  }

  #operationNames(): ReadonlySet<string> {
    const services = this.#state?.services ?? [];
    return new Set(
      services.flatMap(({ operations, later }) => [...operations.keys(), ...(later?.names ?? [])]),
    );
  }

  /** Faults stand in the way while there are any; while there are none, nothing does. */
  #placeFaults(): void {
    const { faults } = this;
    this.#dispatch.gate = faults.ofRequests ? faults : undefined;
    this.#state?.streams.admission.failRecordsBy(faults.ofRecords ? faults : undefined);
  }

  #openState(): Promise<ServerState> {
    const { clock, logger } = this;
    const codec = this.#codec;
    const { dataDir, keysDir, cacheBytes, random = systemRandom, delays = {}, limits: given } = this.#options;
    const settlingThread = (this.#options.threads ?? 1) > 1;
    const introduction = (): string => this.#introduction();
    const streams = {
      delays,
      limits: given?.streams ?? {},
      codec,
      meter: this.#telemetry.streams,
      realClock: this.#realClock,
    };
    const forgotten = (memory: ArrayBufferLike): void => codec.payloads.done(memory);
    const { slabs } = codec;
    const log = { dataDir, keysDir, cacheBytes, settlingThread, introduction, forgotten, slabs };
    return openState({ ...log, clock, random, logger, ...streams });
  }

  /** See `upkeep/introduction.ts`. */
  #introduction(): string {
    const certificate = this.#options.tls === 'own' ? this.certificate : undefined;
    return JSON.stringify({ endpoint: this.#endpoint, pass: this.#pass, certificate });
  }

  /**
   * Forgets everything. Requests before it are answered by the state they began with, those after it wait and see the
   * new one, and none sees both.
   */
  #reset(): Promise<void> {
    this.#resetting ??= this.#replaceState().finally(() => {
      this.#resetting = undefined;
    });
    return this.#resetting;
  }

  async #replaceState(): Promise<void> {
    const late = new AbortController();
    const drained = this.#dispatch.idle().then(() => late.abort());
    await Promise.race([
      drained,
      sleep(this.#realClock, resetWaitMs, late.signal).then(() => {
        throw new Error(`requests were still in flight after ${resetWaitMs} ms, and nothing was reset`);
      }),
    ]);
    const former = this.#state;
    this.#state = await this.#openState();
    this.#keepRates(this.#state);
    this.faults.clear();
    await former?.close();
  }
}

function loggerOf(log: Logger | 'json' | 'text' | 'none', clock: SystemClock): Logger {
  if (typeof log === 'object') return log;
  if (log === 'none') return silentLogger;
  const write = (line: string): void => {
    process.stderr.write(line);
  };
  return log === 'json' ? jsonLogger(write, clock) : textLogger(write, clock);
}
