/**
 * Snapshots of the log under test, taken while everything else goes on, each onto a disk of its own in the same machine.
 *
 *      begin ──▶ under way ──done──▶ the power fails ──▶ opened: all that was acknowledged when it began is there
 *                    └──crash──▶ cut off ──▶ refused as unfinished, or whole after all
 *
 * A snapshot of a disk that was damaged on purpose is not looked at: it copies what it finds.
 */
import { AdjustableClock, pick } from '@millrace/base';
import { type LogEngine, LogError } from '@millrace/log';
import { checkStore } from '@millrace/log/upkeep';
import { DiskImage } from './disk-image.js';
import { crashFates, type FileBody } from './file-body.js';
import type { Harness } from './harness.js';
import type { LogChecker, LogPicture } from './log-checker.js';
import { writeRecord } from './log-model.js';
import type { OpenedLog } from './open-log.js';
import { Schedule } from './schedule.js';
import { SimulatedDisk } from './simulated-disk.js';
import { Trace } from './trace.js';
import { check } from './violation.js';

interface Taken {
  readonly image: DiskImage;
  readonly disk: SimulatedDisk;
  /** What was acknowledged when it began. */
  readonly pictures: readonly LogPicture[];
  readonly newestMs: number;
  /** What was linked: neither side may change it from then on. */
  readonly linked: { readonly name: string; readonly body: FileBody; readonly bytes: Uint8Array }[];
  readonly damages: number;
  finished: boolean;
}

/** What the opening of a copy may take. */
const openStepsMax = 100_000;

export class Snapshots {
  readonly #harness: Harness;
  readonly #checker: LogChecker;
  #underWay: Taken | undefined;
  #left: Taken | undefined;
  readonly counts = { snapshots: 0, snapshotsCutOff: 0 };

  constructor(harness: Harness, checker: LogChecker) {
    this.#harness = harness;
    this.#checker = checker;
  }

  /** Begins one, unless one is under way. */
  begin(engine: OpenedLog): void {
    const { random, machine } = this.#harness;
    if (engine.snapshot === undefined || this.#underWay !== undefined || this.#left !== undefined) return;
    const image = new DiskImage();
    const disk = new SimulatedDisk(image, machine.schedule, random);
    const links = random.fraction();
    const link = async (name: string): Promise<boolean> => {
      const body = machine.image.find(name);
      if (body === undefined || random.fraction() > links) return false;
      image.link(name, body);
      taken.linked.push({ name, body, bytes: body.bytes.slice(0, body.length) });
      return true;
    };
    const { newestMs } = machine;
    const pictures = this.#checker.pictures();
    const damages = this.#harness.isDamaged ? -1 : this.#harness.damagesDone;
    const taken: Taken = { image, disk, pictures, newestMs, linked: [], damages, finished: false };
    this.#underWay = taken;
    this.#harness.trace.note('snapshot');
    this.#harness.watch(
      engine.snapshot({ disk, link }),
      () => {
        taken.finished = true;
        this.#over();
      },
      (error) => {
        this.#over();
        const { ioErrors } = machine.disk.counts;
        const excused = error instanceof LogError && (error.code === 'closed' || ioErrors > 0);
        check(excused, () => `a snapshot failed: ${error}`);
      },
    );
  }

  /** The process is gone, and with it whoever made the snapshot. */
  lifeEnds(): void {
    if (this.#underWay !== undefined) this.#over();
  }

  /** Looks at the one that is over, if there is one. */
  async verify(): Promise<void> {
    const taken = this.#left;
    this.#left = undefined;
    if (taken === undefined) return;
    if (taken.finished) this.counts.snapshots++;
    else this.counts.snapshotsCutOff++;
    const { random } = this.#harness;
    if (taken.finished || random.integer(3) > 0) taken.image.losePower(pick(random, crashFates), random);
    else taken.image.endProcess();
    // Nothing of it had become durable: there is nothing that anybody could take for a store.
    if (taken.image.names().length === 0 && !taken.finished) return;
    if (this.#harness.damagesDone !== taken.damages) return;
    for (const { name, body, bytes } of taken.linked) {
      const isSame =
        body.length === bytes.length && Buffer.compare(body.bytes.subarray(0, body.length), bytes) === 0;
      check(isSame, () => `${name} was linked into a snapshot, and written to afterwards`);
    }
    await new Opening(this.#harness, taken).run();
  }

  #over(): void {
    this.#underWay?.disk.end();
    this.#left = this.#underWay;
    this.#underWay = undefined;
  }
}

/** A copy being opened, on a machine of its own. */
class Opening {
  readonly #harness: Harness;
  readonly #taken: Taken;
  readonly #schedule: Schedule;
  readonly #disk: SimulatedDisk;

  constructor(harness: Harness, taken: Taken) {
    this.#harness = harness;
    this.#taken = taken;
    this.#schedule = new Schedule(harness.random, new Trace());
    this.#disk = new SimulatedDisk(taken.image, this.#schedule, harness.random);
  }

  async run(): Promise<void> {
    const { finished, newestMs } = this.#taken;
    if (finished) await this.#check();
    const clock = new AdjustableClock({ now: () => newestMs, schedule: () => ({ cancel: () => undefined }) });
    clock.hold();
    const { random, subject } = this.#harness;
    const open = subject.open({ disk: this.#disk, clock, random, canary: undefined });
    let engine: LogEngine;
    try {
      engine = await this.#driven(open);
    } catch (error) {
      const unfinished = !finished && error instanceof LogError && error.code === 'foreign';
      check(
        unfinished,
        () => `a snapshot that was ${finished ? 'finished' : 'cut off'} is refused: ${error}`,
      );
      return;
    }
    for (const picture of this.#taken.pictures) await this.#read(engine, picture);
    await this.#driven(engine.close());
  }

  /** A look through the copy must find nothing wrong with it. */
  async #check(): Promise<void> {
    const view = {
      list: () => this.#disk.list(),
      read: (name: string) => this.#disk.open(name, 'existing'),
    };
    const { findings } = await this.#driven(checkStore({ view }));
    check(findings.length === 0, () => `a look through a snapshot finds ${JSON.stringify(findings[0])}`);
  }

  async #read(engine: LogEngine, picture: LogPicture): Promise<void> {
    const { id, from, records } = picture;
    check(engine.state(id) !== undefined, () => `${id} is not in a snapshot`);
    const found = new Map<number, Uint8Array>();
    for (let position = from; ; ) {
      const request = { log: id, from: position, recordsMax: 200, bytesMax: 1 << 20 };
      const result = await this.#driven(engine.read(request));
      if (result.kind === 'missing') break;
      const { positions, buffers, bufferOf, starts, ends, count } = result.records;
      for (let i = 0; i < count; i++) {
        const bytes = buffers[bufferOf[i] ?? 0]?.subarray(starts[i], ends[i]);
        if (bytes !== undefined) found.set(positions[i] ?? 0, bytes);
      }
      if (result.nextPosition >= result.state.endPosition) break;
      position = result.nextPosition;
    }
    for (const { position, attempt, index, length } of records) {
      const expected = new Uint8Array(length);
      writeRecord(expected, attempt, index);
      const bytes = found.get(position);
      const isThere = bytes !== undefined && Buffer.compare(bytes, expected) === 0;
      check(
        isThere,
        () => `${id}: record ${position} was acknowledged, and is not in a snapshot that began later`,
      );
    }
  }

  async #driven<T>(call: Promise<T>): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    call.then(end, end);
    for (let step = 0; ; step++) {
      await this.#schedule.settle();
      if (over) return call;
      check(step < openStepsMax && this.#schedule.performOne(), () => 'the opening of a snapshot is stuck');
    }
  }
}
