/**
 * The server's clock over HTTP. Each answers where the clock stands after it:
 *
 *      GET  /_millrace/clock                        {"now":"2026-11-21T12:00:00.000Z","nowMs":…,"held":false,"aheadMs":0}
 *      POST /_millrace/clock/hold     {} or {"at":"2026-12-24T18:00:00Z"} or {"at":1798135200000}
 *      POST /_millrace/clock/advance  {"ms":300000}
 *      POST /_millrace/clock/release  {}
 *
 * `aheadMs` is what the machine's clock is behind, negative where it is ahead.
 */
import type { AdjustableClock, Clock } from '@millrace/base';
import { clockMsMax } from '../clock/server-clock.js';
import type { Answer } from '../gateway/exchange.js';
import { ControlRefusal, type ControlRoute, jsonAnswer, jsonMembers } from './route.js';

const path = '/_millrace/clock';

export function clockRoutes(clock: AdjustableClock, machine: Clock): readonly ControlRoute[] {
  const standing = (): Answer => {
    const nowMs = clock.now();
    const { held } = clock;
    return jsonAnswer(200, {
      now: new Date(nowMs).toISOString(),
      nowMs,
      held,
      aheadMs: nowMs - machine.now(),
    });
  };
  return [
    { method: 'GET', path, answer: standing },
    {
      method: 'POST',
      path: `${path}/hold`,
      answer: (exchange) => {
        const atMs = instantOf(onlyMember(jsonMembers(exchange), 'at'));
        if (atMs !== undefined) checkInstant(clock, atMs);
        kept(() => clock.hold(atMs));
        return standing();
      },
    },
    {
      method: 'POST',
      path: `${path}/advance`,
      answer: (exchange) => {
        const ms = onlyMember(jsonMembers(exchange), 'ms');
        if (typeof ms !== 'number' || !Number.isSafeInteger(ms) || ms < 0) {
          throw new ControlRefusal(
            400,
            'Say how far in whole milliseconds, as {"ms":300000}; time never goes back.',
          );
        }
        checkInstant(clock, clock.now() + ms);
        kept(() => clock.advance(ms));
        return standing();
      },
    },
    {
      method: 'POST',
      path: `${path}/release`,
      answer: (exchange) => {
        onlyMember(jsonMembers(exchange), undefined);
        kept(() => clock.release());
        return standing();
      },
    },
  ];
}

/** The member `name`, which is all that there may be. */
function onlyMember(members: { readonly [name: string]: unknown }, name: string | undefined): unknown {
  const stray = Object.keys(members).find((each) => each !== name);
  if (stray === undefined) return name === undefined ? undefined : members[name];
  const known = name === undefined ? 'Nothing is taken here.' : `Only "${name}" is.`;
  throw new ControlRefusal(400, `"${stray.slice(0, 100)}" is not known. ${known}`);
}

function instantOf(at: unknown): number | undefined {
  if (at === undefined) return undefined;
  const atMs = typeof at === 'string' ? Date.parse(at) : at;
  if (typeof atMs === 'number' && Number.isSafeInteger(atMs)) return atMs;
  throw new ControlRefusal(
    400,
    'Say the instant as "2026-12-24T18:00:00Z", or in whole milliseconds since 1970.',
  );
}

function checkInstant(clock: Clock, atMs: number): void {
  const nowMs = clock.now();
  if (atMs < nowMs) {
    const now = new Date(nowMs).toISOString();
    throw new ControlRefusal(409, `The clock stands at ${now}, and never goes back to an earlier instant.`);
  }
  if (atMs > clockMsMax) {
    throw new ControlRefusal(400, `The clock goes no further than ${new Date(clockMsMax).toISOString()}.`);
  }
}

/** A change that the disk does not take has not happened. */
function kept(change: () => void): void {
  try {
    change();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new ControlRefusal(
      503,
      `The clock stands as it stood: the change could not be written (${code}).`,
      {
        cause: error,
      },
    );
  }
}
