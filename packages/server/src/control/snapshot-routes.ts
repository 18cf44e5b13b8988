/**
 * Snapshots of a running server. One at a time; it goes on whoever has asked for it, until it is done or the server
 * stops.
 *
 *      POST /_millrace/snapshot   {"to":"/absolute/directory","pass":"…"}   202, and how it stands; 409 while one is made
 *      GET  /_millrace/snapshot                                            200, how the last one stands:
 *
 *           {"state":"none"}
 *           {"state":"running","to":…,"bytesDone":n,"bytesAll":n}
 *           {"state":"done","to":…,"files":n,"bytes":n,"bytesLinked":n,"tookMs":n}
 *           {"state":"failed","to":…,"message":…}
 *
 * A snapshot writes where it is told to, so it asks for more than that the request comes from this machine: `pass` is
 * what the lock of the data directory tells those who may open it (`upkeep/introduction.ts`).
 */
import { timingSafeEqual } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '@millrace/base';
import type { Answer } from '../gateway/exchange.js';
import { errorFields, type Logger } from '../logger.js';
import { StartError } from '../start-error.js';
import { ControlRefusal, type ControlRoute, jsonAnswer, jsonMembers } from './route.js';

/** How a snapshot stands, or stood when it was over. */
export type SnapshotStanding =
  | { readonly state: 'none' }
  | {
      readonly state: 'running';
      readonly to: string;
      readonly bytesDone: number;
      readonly bytesAll: number;
    }
  | {
      readonly state: 'done';
      readonly to: string;
      readonly files: number;
      readonly bytes: number;
      readonly bytesLinked: number;
      readonly tookMs: number;
    }
  | { readonly state: 'failed'; readonly to: string; readonly message: string };

interface Progress {
  readonly bytesDone: number;
  readonly bytesAll: number;
}

interface Made {
  readonly to: string;
  readonly files: number;
  readonly bytes: number;
  readonly bytesLinked: number;
}

export interface SnapshotRouteOptions {
  /** Answers undefined where nothing is kept. */
  readonly make: () => ((to: string, progress: (progress: Progress) => void) => Promise<Made>) | undefined;
  readonly pass: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const route = '/_millrace/snapshot';

export function snapshotRoutes(options: SnapshotRouteOptions): readonly ControlRoute[] {
  const { logger, clock } = options;
  let standing: SnapshotStanding = { state: 'none' };
  const answer = (status: number): Answer => jsonAnswer(status, standing);
  const begin = (to: string): Answer => {
    const make = options.make();
    if (make === undefined) {
      throw new ControlRefusal(
        409,
        'This server keeps nothing on a disk, or is not ready: there is nothing to copy.',
      );
    }
    if (standing.state === 'running') {
      throw new ControlRefusal(409, `A snapshot is being made in ${standing.to}: wait until it is done.`);
    }
    const beganMs = clock.now();
    standing = { state: 'running', to, bytesDone: 0, bytesAll: 0 };
    make(to, ({ bytesDone, bytesAll }) => {
      standing = { state: 'running', to, bytesDone, bytesAll };
    }).then(
      (made) => {
        standing = { state: 'done', ...made, tookMs: clock.now() - beganMs };
        logger.info('a snapshot is done', { ...made });
      },
      (error: unknown) => {
        logger.error('a snapshot failed', { to, ...errorFields(error) });
        const message = error instanceof StartError ? error.message : 'That failed; the log says why.';
        standing = { state: 'failed', to, message };
      },
    );
    return answer(202);
  };
  return [
    { method: 'GET', path: route, answer: () => answer(200) },
    {
      method: 'POST',
      path: route,
      answer: (exchange) => {
        const { to, pass } = jsonMembers(exchange);
        if (typeof pass !== 'string' || !isSame(pass, options.pass)) {
          throw new ControlRefusal(
            403,
            'A snapshot is for those who may open the data directory: make it with millrace snapshot.',
          );
        }
        if (typeof to !== 'string' || !path.isAbsolute(to)) {
          throw new ControlRefusal(400, 'Say where to, by an absolute path: {"to":"/backup/monday"}.');
        }
        return begin(to);
      },
    },
  ];
}

function isSame(given: string, pass: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(pass)];
  return a.length === b.length && timingSafeEqual(a, b);
}
