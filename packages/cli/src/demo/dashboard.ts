/** Gathers what passes into the view that is drawn: the meters of this run beside the state of the session. */
import { present } from '@millrace/base';
import { RateMeter } from './rate-meter.js';
import type { Session } from './session.js';
import type { Taken } from './tally.js';
import type { ShardView, View } from './view.js';

/** How much of the lag shown is the newest page's, so that the figure can be read. */
const lagShare = 0.2;
const historySlots = 120;
const airportsMax = 20;

export type Setting = Pick<View, 'endpoint' | 'streamName' | 'processId' | 'dataPath' | 'passEvents'>;

export class Dashboard {
  readonly #setting: Setting;
  readonly #session: Session;
  readonly #startedMs: number;
  readonly #in: RateMeter;
  #out: RateMeter;
  readonly #shards = new Map<string, RateMeter>();
  #lagMs = 0;
  #catchingUp = true;
  #putTrouble: string | undefined;
  #readTrouble: string | undefined;
  #diskTrouble: string | undefined;

  constructor(setting: Setting, session: Session, nowMs: number) {
    this.#setting = setting;
    this.#session = session;
    this.#startedMs = nowMs;
    this.#in = new RateMeter(nowMs);
    this.#out = new RateMeter(nowMs);
  }

  acknowledged(events: number, nowMs: number): void {
    this.#in.add(events, nowMs);
  }

  taken(shardId: string, taken: Taken, ageMs: number, nowMs: number): void {
    const events = taken.fresh + taken.duplicates + taken.foreign;
    this.#out.add(events, nowMs);
    this.#meterOf(shardId, nowMs).add(events, nowMs);
    if (!this.#catchingUp) this.#lagMs += (ageMs - this.#lagMs) * lagShare;
  }

  caughtUp(nowMs: number): void {
    this.#catchingUp = false;
    // The rush of what was left there would dwarf all that comes.
    this.#out = new RateMeter(nowMs);
    this.#shards.clear();
  }

  putTrouble(words: string | undefined): void {
    this.#putTrouble = words;
  }

  readTrouble(words: string | undefined): void {
    this.#readTrouble = words;
  }

  diskTrouble(words: string | undefined): void {
    this.#diskTrouble = words;
  }

  upMs(nowMs: number): number {
    return nowMs - this.#startedMs;
  }

  view(shardsOpen: readonly string[], nowMs: number): View {
    const session = this.#session;
    const { tally } = session;
    return {
      ...this.#setting,
      upMs: this.upMs(nowMs),
      runs: session.runs,
      crashes: session.crashes,
      inPerSecond: this.#in.perSecond(nowMs),
      outPerSecond: this.#out.perSecond(nowMs),
      inHistory: this.#in.history(nowMs, historySlots),
      outHistory: this.#out.history(nowMs, historySlots),
      lagEvents: session.lagEvents,
      lagMs: this.#lagMs,
      events: tally.counted.size,
      duplicates: tally.duplicates,
      foreign: tally.foreign,
      lost: session.lost,
      shards: this.#shardViews(shardsOpen, nowMs),
      airports: tally.statistics.busiest(airportsMax),
      airportCount: tally.statistics.airports,
      catchingUp: this.#catchingUp,
      pickedUp: session.pickedUp(),
      trouble: this.#putTrouble ?? this.#readTrouble ?? this.#diskTrouble,
    };
  }

  #shardViews(shardsOpen: readonly string[], nowMs: number): readonly ShardView[] {
    const shards = shardsOpen.map((id) => ({
      id,
      events: this.#session.tally.shards.get(id)?.events ?? 0,
      perSecond: this.#meterOf(id, nowMs).perSecond(nowMs),
    }));
    const sum = (of: (shard: (typeof shards)[number]) => number): number =>
      shards.reduce((total, shard) => total + of(shard), 0);
    const flowing = sum(({ perSecond }) => perSecond);
    const all = sum(({ events }) => events);
    return shards.map((shard) => ({
      ...shard,
      share: flowing > 0 ? shard.perSecond / flowing : shard.events / Math.max(1, all),
    }));
  }

  #meterOf(shardId: string, nowMs: number): RateMeter {
    if (!this.#shards.has(shardId)) this.#shards.set(shardId, new RateMeter(nowMs));
    return present(this.#shards.get(shardId), 'the meter');
  }
}
