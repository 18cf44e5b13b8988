/**
 * How a running command is asked to stop.
 *
 *      running ──signal──▶ stopping ──done──▶ exit 0
 *                             │ └──second signal──▶ exit 128 + its number, at once
 *                             └──stopMsMax pass──▶ exit 1
 */
import type { Host, StopSignal } from './host.js';

/** Stopping takes no longer than this, whatever hangs: promised are five seconds. */
const stopMsMax = 4_700;

/**
 * A second signal so soon is the echo of the first: Ctrl-C reaches the whole process group, and npm passes its own
 * on to us as well.
 */
const echoMs = 400;

const numbers: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Aborts at the first signal; its reason is the signal's name. */
export function stopSignal(host: Host): AbortSignal {
  const stop = new AbortController();
  let firstMs: number | undefined;
  host.onStop((signal) => {
    const nowMs = host.clock.now();
    if (firstMs === undefined) {
      firstMs = nowMs;
      host.clock.schedule(stopMsMax, () => {
        host.errors.write(`millrace: still not stopped after ${stopMsMax} ms; ending anyway\n`);
        host.exit(1);
      });
      stop.abort(signal);
    } else if (nowMs - firstMs > echoMs) {
      host.exit(128 + numbers[signal]);
    }
  });
  return stop.signal;
}
