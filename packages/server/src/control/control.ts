/**
 * Our own controls, beneath `/_millrace/`. They are no part of AWS and need no credentials, so requests reach them
 * only under a name of this machine, and from no page but its own.
 *
 *      GET  /_millrace/health   200 or 503, {"live":true,"ready":…,"reason":…}
 *      POST /_millrace/reset    200; ephemeral servers only, else 409
 *
 * What else there is comes as routes: each says its method, its path and what it answers. `/metrics` is the one path
 * outside, because that is where Prometheus looks.
 */

import { AssertionError } from '@millrace/base';
import { isOwnHost, isOwnOrigin } from '../dispatch/origin.js';
import type { Answer, Exchange } from '../gateway/exchange.js';
import { errorFields, type Logger } from '../logger.js';
import { ControlRefusal, type ControlRoute, jsonAnswer } from './route.js';

const controlPrefix = '/_millrace/';

export interface Health {
  /** Whether requests are answered as they should be. */
  readonly ready: boolean;
  /** Why not; or, when ready, what somebody should see to. */
  readonly reason: string | undefined;
}

export interface ControlOptions {
  readonly health: () => Health;
  /** Removes all streams and state; undefined where the server keeps its data. */
  readonly reset: (() => Promise<void>) | undefined;
  readonly routes: readonly ControlRoute[];
  readonly ownHosts: ReadonlySet<string>;
  readonly logger: Logger;
}

export class Control {
  readonly #options: ControlOptions;
  /** By path, then by method. */
  readonly #routes = new Map<string, Map<string, ControlRoute>>();

  constructor(options: ControlOptions) {
    this.#options = options;
    for (const route of [...this.#ownRoutes(), ...options.routes]) {
      const methods = this.#routes.get(route.path) ?? new Map<string, ControlRoute>();
      this.#routes.set(route.path, methods.set(route.method, route));
    }
  }

  /** Whether a request is ours to answer. Nothing that an AWS client sends has such a path. */
  owns(path: string): boolean {
    if (path.length === 1) return false;
    const alone = pathOf(path);
    return `${alone}/` === controlPrefix || path.startsWith(controlPrefix) || this.#routes.has(alone);
  }

  handle(exchange: Exchange): void {
    const refusal = this.#foreign(exchange);
    if (refusal !== undefined) {
      exchange.respond(refusal);
      return;
    }
    const path = pathOf(exchange.path);
    const parent = path.slice(0, path.lastIndexOf('/') + 1);
    const methods = this.#routes.get(path) ?? this.#routes.get(`${parent}*`);
    if (methods === undefined) {
      exchange.respond(jsonAnswer(404, { message: `There is nothing here. There is ${this.#paths()}.` }));
      return;
    }
    const route = methods.get(exchange.method === 'HEAD' ? 'GET' : exchange.method);
    if (route === undefined) exchange.respond(wrongMethod([...methods.keys()]));
    else this.#run(route, exchange, path.slice(parent.length));
  }

  /** Why a request may not use the controls, if it may not. */
  #foreign(exchange: Exchange): Answer | undefined {
    const { ownHosts } = this.#options;
    const host = exchange.header(':authority') ?? exchange.header('host');
    const origin = exchange.header('origin');
    if (host === undefined || !isOwnHost(host, ownHosts)) {
      return refused('Requests to /_millrace/ need a Host header that names this machine.');
    }
    if (origin !== undefined && !isOwnOrigin(origin, ownHosts)) {
      return refused('Pages from elsewhere may not use /_millrace/.');
    }
    return undefined;
  }

  #run(route: ControlRoute, exchange: Exchange, name: string): void {
    const failed = (error: unknown): void => exchange.respond(this.#failure(exchange, error));
    try {
      const answer = route.answer(exchange, name);
      if (answer instanceof Promise) answer.then((late) => exchange.respond(late), failed);
      else exchange.respond(answer);
    } catch (error) {
      failed(error);
    }
  }

  #failure(exchange: Exchange, error: unknown): Answer {
    if (error instanceof ControlRefusal) return jsonAnswer(error.status, { message: error.message });
    this.#options.logger.error('a control failed', { path: exchange.path, ...errorFields(error) });
    if (error instanceof AssertionError) {
      // What the program believes of itself is wrong: see `dispatch.ts`.
      process.nextTick(() => {
        throw error;
      });
    }
    return jsonAnswer(503, { message: 'That failed; the log says why.' });
  }

  #ownRoutes(): readonly ControlRoute[] {
    return [
      { method: 'GET', path: `${controlPrefix}health`, answer: () => this.#health() },
      { method: 'POST', path: `${controlPrefix}reset`, answer: () => this.#reset() },
    ];
  }

  #health(): Answer {
    const { ready, reason } = this.#options.health();
    return jsonAnswer(ready ? 200 : 503, { live: true, ready, reason });
  }

  async #reset(): Promise<Answer> {
    const { reset } = this.#options;
    if (reset === undefined) {
      throw new ControlRefusal(
        409,
        'This server keeps its data, and only an ephemeral one is reset. Start it with --ephemeral, or stop it and remove its data directory.',
      );
    }
    await reset();
    return jsonAnswer(200, { reset: true });
  }

  #paths(): string {
    return [...this.#routes.keys()].sort().join(', ');
  }
}

function pathOf(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

function refused(message: string): Answer {
  return jsonAnswer(403, { message });
}

function wrongMethod(allowed: readonly string[]): Answer {
  return {
    ...jsonAnswer(405, { message: `Only ${allowed.join(', ')} works here.` }),
    headers: { allow: allowed.join(', ') },
  };
}
