/**
 * Our own controls, beneath `/_millrace/`. They are no part of AWS and need no credentials, so requests reach them
 * only under a name of this machine, and from no page but its own.
 *
 *      GET  /_millrace/health   200 or 503, {"live":true,"ready":…,"reason":…}
 *      POST /_millrace/reset    200; ephemeral servers only, else 409
 */

import { isOwnHost, isOwnOrigin } from '../dispatch/origin.js';
import type { Answer, Exchange } from '../gateway/exchange.js';
import { headerOf } from '../gateway/exchange.js';
import { errorFields, type Logger } from '../logger.js';

export const controlPrefix = '/_millrace/';

export interface Health {
  /** Whether requests are answered as they should be. */
  readonly ready: boolean;
  /** Why not; undefined when ready. */
  readonly reason: string | undefined;
}

export interface ControlOptions {
  readonly health: () => Health;
  /** Removes all streams and state; undefined where the server keeps its data. */
  readonly reset: (() => Promise<void>) | undefined;
  readonly ownHosts: ReadonlySet<string>;
  readonly logger: Logger;
}

export class Control {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): void {
    const { headers, method } = exchange;
    const { ownHosts } = this.#options;
    const host = headerOf(headers, ':authority') ?? headerOf(headers, 'host');
    const origin = headerOf(headers, 'origin');
    if (host === undefined || !isOwnHost(host, ownHosts)) {
      exchange.respond(refused('Requests to /_millrace/ need a Host header that names this machine.'));
      return;
    }
    if (origin !== undefined && !isOwnOrigin(origin, ownHosts)) {
      exchange.respond(refused('Pages from elsewhere may not use /_millrace/.'));
      return;
    }
    const [path = ''] = exchange.path.split('?', 1);
    switch (path.slice(controlPrefix.length)) {
      case 'health':
        exchange.respond(method === 'GET' || method === 'HEAD' ? this.#health() : wrongMethod('GET'));
        return;
      case 'reset':
        if (method === 'POST') this.#reset(exchange);
        else exchange.respond(wrongMethod('POST'));
        return;
      default:
        exchange.respond(jsonAnswer(404, { message: 'There is nothing here: see /_millrace/health.' }));
    }
  }

  #health(): Answer {
    const { ready, reason } = this.#options.health();
    return jsonAnswer(ready ? 200 : 503, { live: true, ready, reason });
  }

  #reset(exchange: Exchange): void {
    const { reset, logger } = this.#options;
    if (reset === undefined) {
      exchange.respond(
        jsonAnswer(409, {
          message:
            'This server keeps its data, and only an ephemeral one is reset. Start it with --ephemeral, or stop it and remove its data directory.',
        }),
      );
      return;
    }
    reset().then(
      () => exchange.respond(jsonAnswer(200, { reset: true })),
      (error: unknown) => {
        logger.error('a reset failed', errorFields(error));
        exchange.respond(jsonAnswer(503, { message: 'The reset failed; the log says why.' }));
      },
    );
  }
}

function jsonAnswer(status: number, value: object): Answer {
  return { status, contentType: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

function refused(message: string): Answer {
  return jsonAnswer(403, { message });
}

function wrongMethod(allowed: string): Answer {
  return {
    ...jsonAnswer(405, { message: `Only ${allowed} works here.` }),
    headers: { allow: allowed },
  };
}
