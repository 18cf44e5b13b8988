/**
 * The demonstration, put together: a server, a producer and a consumer in one process, so that one kill takes all
 * three and the next start has to find everything.
 *
 *      flights ─▶ Producer ─▶ AWS SDK ─▶ Millrace ─▶ AWS SDK ─▶ Consumer ─▶ Tally ─▶ checkpoint
 *                    └────────▶ ledger                                        └────▶ picture
 */
import path from 'node:path';
import type { Clock } from '@millrace/base';
import { systemRandom } from '@millrace/base';
import type { Host } from '../host.js';
import { colourStyle, plainStyle } from '../style.js';
import { UsageError } from '../usage-error.js';
import { Consumer } from './consumer.js';
import { commandsToCopy } from './copy-commands.js';
import { Dashboard } from './dashboard.js';
import { DemoFolder } from './demo-folder.js';
import { grouped } from './figures.js';
import type { Flight } from './flight.js';
import { pause } from './pause.js';
import { pickedUpWords, picture } from './picture.js';
import { plainLine } from './plain-lines.js';
import { Producer } from './producer.js';
import { Screen } from './screen.js';
import { region } from './sdk-stream-client.js';
import { Session } from './session.js';
import { differences, expectedCounts } from './statistics.js';
import type { StreamClient } from './stream-client.js';
import { StreamError } from './stream-client.js';
import type { Account } from './summary.js';
import { complete, gapsUpTo, summaryLines } from './summary.js';
import type { View } from './view.js';

export const streamName = 'flights';
const shardCount = 4;

const checkpointEveryMs = 500;
const drawEveryMs = 250;
const lineEveryMs = 3_000;
/** How long a stop waits for the consumer to read what is in the stream. */
const drainMsMax = 2_000;

export interface DemoSettings {
  readonly endpoint: string;
  readonly dataDirectory: string;
  readonly flights: readonly Flight[];
  /** Events per second; undefined for as fast as it goes. */
  readonly rate: number | undefined;
  /** Ends when the pass over the data is whole. */
  readonly once: boolean;
  /** Lines instead of a picture. */
  readonly plain: boolean;
}

/** Runs until `stop` aborts or the pass is whole; answers the exit code. The server is the caller's to close. */
export async function runDemo(
  settings: DemoSettings,
  client: StreamClient,
  host: Host,
  stop: AbortSignal,
): Promise<number> {
  const { createdMs } = await client.open(shardCount, stop);
  const folder = new DemoFolder(path.join(settings.dataDirectory, 'demo'));
  try {
    const session = await beginSession(folder, host.clock, createdMs);
    return await new Demo(settings, client, host, session).run(stop);
  } finally {
    await folder.close();
  }
}

async function beginSession(folder: DemoFolder, clock: Clock, createdMs: number): Promise<Session> {
  try {
    return await Session.begin(folder, clock, createdMs, newSeriesName());
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `the demonstration's memory in ${folder.path} is damaged (${error.message}): remove that folder to count from 1 again`,
      { cause: error },
    );
  }
}

function newSeriesName(): string {
  return Buffer.from(systemRandom.bytes(5)).toString('hex');
}

class Demo {
  readonly #settings: DemoSettings;
  readonly #client: StreamClient;
  readonly #host: Host;
  readonly #session: Session;
  readonly #dashboard: Dashboard;
  readonly #consumer: Consumer;

  constructor(settings: DemoSettings, client: StreamClient, host: Host, session: Session) {
    this.#settings = settings;
    this.#client = client;
    this.#host = host;
    this.#session = session;
    const { clock } = host;
    const dashboard = new Dashboard(
      {
        endpoint: settings.endpoint,
        streamName,
        processId: host.processId,
        dataPath: spoken(settings.dataDirectory, host.workingDirectory),
        passEvents: settings.flights.length,
      },
      session,
      clock.now(),
    );
    this.#dashboard = dashboard;
    this.#consumer = new Consumer({
      client,
      clock,
      tally: session.tally,
      taken: (shardId, taken, ageMs) => dashboard.taken(shardId, taken, ageMs, clock.now()),
      trouble: (words) => dashboard.readTrouble(words),
    });
  }

  async run(stop: AbortSignal): Promise<number> {
    this.#greet();
    const ending = new AbortController();
    const consumed = this.#consumer.run(ending.signal);
    const beats = [this.#checkpoints(ending.signal), this.#show(ending.signal)];
    const flow = this.#flow(stop, ending.signal);
    try {
      // While nothing fails, it is the flow that ends; whatever fails ends it all.
      await Promise.race([flow, Promise.all([consumed, ...beats]).then(() => flow)]);
    } catch (error) {
      if (!(error instanceof StreamError) || error.code !== 'missing') throw error;
      throw new UsageError(`the stream ${streamName} is gone: start again to make a new one`, {
        cause: error,
      });
    } finally {
      ending.abort();
      await Promise.allSettled([consumed, ...beats]);
    }
    await this.#despiteTheDisk(() => this.#session.save(true));
    return this.#sumUp(stop);
  }

  /** Reads what there is, takes stock, puts until it is over, and lets the consumer follow to the end. */
  async #flow(stop: AbortSignal, ending: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    const session = this.#session;
    await Promise.race([this.#consumer.caughtUp(), whenAborted(stop)]);
    if (stop.aborted || ending.aborted) return;
    const { again, next } = session.takeStock();
    this.#dashboard.caughtUp(clock.now());
    await this.#despiteTheDisk(() => session.save(false));
    const { flights, rate, once } = this.#settings;
    const last = once ? this.#lastOfPass(again) : undefined;
    const producer = new Producer(
      { series: session.tally.series, flights, again, next, last, rate },
      {
        client: this.#client,
        clock,
        horizon: () => session.horizon,
        acknowledged: async (numbers) => {
          this.#dashboard.acknowledged(numbers.length, clock.now());
          await this.#despiteTheDisk(() => session.acknowledge(numbers));
        },
        trouble: (words) => this.#dashboard.putTrouble(words),
      },
    );
    await producer.run(AbortSignal.any([stop, ending]));
    const drainedLate = whenAborted(stop).then(() => pause(clock, drainMsMax, ending));
    await Promise.race([this.#consumer.caughtUp(), drainedLate]);
  }

  /** Where the pass that is under way ends; when none is, where the next one will. */
  #lastOfPass(again: readonly number[]): number {
    const { length } = this.#settings.flights;
    const { last, tally } = this.#session;
    const whole = last % length === 0 && again.length === 0 && tally.counted.through >= last;
    return whole ? last + length : Math.ceil(last / length) * length;
  }

  async #checkpoints(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      await this.#despiteTheDisk(() => this.#session.save(false));
      await pause(this.#host.clock, checkpointEveryMs, ending);
    }
  }

  /** A full disk is no reason to stop: the count goes on from an older checkpoint if it has to. */
  async #despiteTheDisk(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#dashboard.diskTrouble(undefined);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      this.#dashboard.diskTrouble(`the demonstration's memory cannot be written: ${message}`);
    }
  }

  async #show(ending: AbortSignal): Promise<void> {
    const { output, clock, environment } = this.#host;
    if (this.#settings.plain || !output.isTerminal) {
      while (!ending.aborted) {
        await pause(clock, lineEveryMs, ending);
        output.write(`${plainLine(this.#view())}\n`);
      }
      return;
    }
    const style = coloured(environment) ? colourStyle : plainStyle;
    const screen = new Screen(output);
    const commands = this.#commands();
    const draw = (): void => screen.draw(picture(this.#view(), screen.size(), style, commands));
    while (!ending.aborted) {
      draw();
      await pause(clock, drawEveryMs, ending);
    }
    draw();
  }

  #greet(): void {
    const { output, processId } = this.#host;
    const { endpoint, flights } = this.#settings;
    output.write(
      [
        `Millrace is listening on ${endpoint} (pid ${processId}, data in ${this.#dataPath()}).`,
        `${grouped(flights.length)} US flights of 2001 go into the stream ${streamName} and are counted on the way out.`,
        ...(this.#session.restarted
          ? ['The stream is a new one since the last run: counting begins at 1 again.']
          : []),
        '',
        ...this.#commands(),
        '',
        '',
      ].join('\n'),
    );
  }

  #sumUp(stop: AbortSignal): number {
    const account = this.#account();
    const { output } = this.#host;
    const port = new URL(this.#settings.endpoint).port;
    const pickedUp = this.#session.pickedUp();
    const how = stop.aborted ? 'Stopped in order.' : 'The pass is whole.';
    output.write(
      [
        '',
        pickedUp === undefined ? how : `${pickedUpWords(pickedUp)} ${how}`,
        '',
        ...summaryLines(account).map((line) => `  ${line}`),
        '',
        `npm start goes on with event ${grouped(account.last + 1)}. kill -9 it and start again: it will count.`,
        '',
        'The server alone, on the same data:',
        '',
        `npx millrace serve --port ${port} --data ${this.#dataPath()}`,
        '',
        ...this.#commands(),
        '',
      ].join('\n'),
    );
    if (complete(account)) return 0;
    const wrong = account.lost > 0 || (account.wrongAirports ?? []).length > 0;
    return wrong || !stop.aborted ? 1 : 0;
  }

  #account(): Account {
    const session = this.#session;
    const { tally } = session;
    const { last } = session;
    const gaps = gapsUpTo(tally.counted, last);
    const expected = expectedCounts(this.#settings.flights, last);
    return {
      last,
      counted: tally.counted.size,
      gaps,
      duplicates: tally.duplicates,
      foreign: tally.foreign,
      lost: session.lost,
      runs: session.runs,
      crashes: session.crashes,
      upMs: this.#dashboard.upMs(this.#host.clock.now()),
      wrongAirports: gaps > 0 ? undefined : differences(tally.statistics.counts(), expected),
      airportCount: tally.statistics.airports,
      busiest: tally.statistics.busiest(10),
    };
  }

  #view(): View {
    return this.#dashboard.view(this.#consumer.shardsOpen, this.#host.clock.now());
  }

  #commands(): readonly string[] {
    return commandsToCopy(this.#settings.endpoint, streamName, region);
  }

  #dataPath(): string {
    return spoken(this.#settings.dataDirectory, this.#host.workingDirectory);
  }
}

/** See no-color.org: any value but the empty one means no. */
function coloured({ NO_COLOR = '', TERM }: Host['environment']): boolean {
  return NO_COLOR === '' && TERM !== 'dumb';
}

/** A folder as its user would write it. */
function spoken(folder: string, from: string): string {
  const relative = path.relative(from, folder);
  return relative.startsWith('..') || path.isAbsolute(relative) ? folder : `./${relative}`;
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
