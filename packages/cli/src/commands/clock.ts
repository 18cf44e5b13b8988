/** `millrace clock`: the server's own time: told, held, advanced, released. */
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { withControls } from '../kinesis/controls.js';
import type { JsonObject } from '../kinesis/json-object.js';
import { targetOptions } from '../kinesis/target.js';
import { momentMs, spanMs } from '../moment.js';
import { UsageError } from '../usage-error.js';

const options: readonly Option[] = [
  { name: 'at', value: 'TIME', text: 'hold: move it up to this instant, as 2026-12-24T18:00:00Z' },
  { name: 'json', text: 'print what the server says, as JSON' },
  ...targetOptions,
];

export const clock: Command = {
  name: 'clock',
  summary: 'tell, hold, advance and release the server’s clock',
  usage: 'clock [hold|advance SPAN|release] [options]',
  description: [
    'All that waits or expires in the server goes by its clock: iterators, retention, the states of streams, subscriptions. A clock that is held stands still, and moves only when it is advanced. It never goes back, and a restart goes on where it stood.',
  ],
  options,
  examples: [
    ['millrace clock', 'what time it is in there'],
    ['millrace clock advance 5m', 'every iterator there is has expired'],
    ['millrace clock hold && millrace clock advance 24h', 'a day passes, and then no more'],
    ['millrace clock release', 'it runs again'],
  ],
  async run(host, argv) {
    const given = readArguments('clock', options, argv, host.environment, 2);
    const [verb = 'tell', span] = given.words;
    const at = given.text('at');
    if (span !== undefined && verb !== 'advance') throw new UsageError(`clock ${verb} takes no '${span}'`);
    if (at !== undefined && verb !== 'hold') throw new UsageError('--at is for clock hold');
    return withControls(host, given, async (controls) => {
      const said = await ((): Promise<JsonObject> => {
        switch (verb) {
          case 'tell':
            return controls.ask('GET', 'clock');
          case 'hold':
            return controls.ask(
              'POST',
              'clock/hold',
              at === undefined ? {} : { at: momentMs(at, host.clock.now(), '--at') },
            );
          case 'advance':
            return controls.ask('POST', 'clock/advance', { ms: advanceMs(span) });
          case 'release':
            return controls.ask('POST', 'clock/release');
          default:
            throw new UsageError(`clock takes hold, advance or release, and not '${verb}'`);
        }
      })();
      host.output.write(given.on('json') ? `${JSON.stringify(plain(said))}\n` : `${sentence(said)}\n`);
      return 0;
    });
  },
};

function advanceMs(span: string | undefined): number {
  const ms = span === undefined ? undefined : spanMs(span);
  if (ms !== undefined) return ms;
  throw new UsageError(
    `clock advance needs a span, as 5m or 24h${span === undefined ? '' : `, not '${span}'`}`,
  );
}

function plain(said: JsonObject): object {
  return {
    now: said.text('now'),
    nowMs: said.number('nowMs'),
    held: said.flag('held'),
    aheadMs: said.number('aheadMs'),
  };
}

/** A second's difference is the time that the answer took. */
const noticeableMs = 1000;

function sentence(said: JsonObject): string {
  const aheadMs = said.number('aheadMs');
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const apart =
    Math.abs(aheadMs) < noticeableMs
      ? ''
      : `, ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the machine`;
  return `${said.text('now')}, ${said.flag('held') ? 'held' : 'running'}${apart}`;
}
