import { CatalogError } from './catalog-error.js';
import type { CommandRecord, Json } from './catalog-record.js';
import { damaged } from './catalog-record.js';

/**
 * What one service keeps in the catalog. All of it is pure: the same commands at the same times give the same state,
 * on every machine and after every restart.
 *
 * And with every later version of the program: a command is decided when it is read back and again in every replay, so
 * what was decided once must stay so. Each record carries the number of the rules it was decided by. Whoever changes
 * what a command is refused for, or what it does, counts `rules` up and lets the old way stand for records of
 * `at.rules` below. A section keeps recorded history of each of its rules, and a test that replays it.
 */
export interface Section<State, Command, Outcome> {
  /** Written into every record of the section. */
  readonly name: string;
  /** Those by which commands are decided now: 1 at first, and one more with each change in how. */
  readonly rules: number;
  readonly empty: State;
  /** Decides one command. Never throws for what a command says: a refusal is an outcome, with the state unchanged. */
  decide(state: State, command: Command, at: CommandTime): Decision<State, Outcome>;
  /** A command as it was written; throws when this program writes no such command. */
  parse(json: Json): Command;
  toJson(command: Command): Json;
  snapshot(state: State): Json;
  /** The state that `snapshot` wrote; throws when it is none. */
  restore(json: Json): State;
}

export interface CommandTime {
  /** The log's arrival time of the command: never falls from one command to the next. */
  readonly atMs: number;
  /** Where in the catalog's log the command stands. */
  readonly position: number;
  /** The section's rules when the command was written: it is decided by these. */
  readonly rules: number;
}

export interface Decision<State, Outcome> {
  readonly state: State;
  readonly outcome: Outcome;
}

/** A section as the catalog drives it, with its types folded away. */
export interface AnyFold {
  readonly name: string;
  apply(record: CommandRecord, at: Omit<CommandTime, 'rules'>): void;
  snapshot(): Json;
  restore(json: Json, position: number): void;
  /** Tells the listeners that a new view stands. Not called while the log is replayed at open. */
  publish(): void;
}

/**
 * The state of one section, folded so far. `view` is immutable: taking it is taking a consistent picture of
 * everything in the section. Whoever listens is called at once when a new view stands, before anything else can see
 * it, in the order of listening.
 */
export class Fold<State, Command, Outcome> implements AnyFold {
  readonly section: Section<State, Command, Outcome>;
  #view: State;
  readonly #awaited = new Map<string, { readonly outcome: Outcome } | undefined>();
  readonly #listeners = new Set<(view: State, before: State) => void>();
  #published: State;

  constructor(section: Section<State, Command, Outcome>) {
    this.section = section;
    this.#view = section.empty;
    this.#published = section.empty;
  }

  get name(): string {
    return this.section.name;
  }

  get view(): State {
    return this.#view;
  }

  /** Calls `listener` whenever a new view stands; answers how to stop that. */
  listen(listener: (view: State, before: State) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks to keep the outcome of the command `id`, until `forget`. */
  expect(id: string): void {
    this.#awaited.set(id, undefined);
  }

  /** What became of an expected command; undefined while it is not decided. */
  decided(id: string): { readonly outcome: Outcome } | undefined {
    return this.#awaited.get(id);
  }

  forget(id: string): void {
    this.#awaited.delete(id);
  }

  apply(record: CommandRecord, at: Omit<CommandTime, 'rules'>): void {
    const { rules } = record;
    if (rules > this.section.rules) {
      throw new CatalogError(
        'newer',
        `the catalog's record at position ${at.position} was decided by rules ${rules} of ${this.name}; this Millrace has ${this.section.rules}: use the newer one`,
      );
    }
    const command = this.#read(at.position, `is no command of ${this.name}`, () =>
      this.section.parse(record.command),
    );
    const { state, outcome } = this.section.decide(this.#view, command, { ...at, rules });
    this.#view = state;
    if (this.#awaited.has(record.id)) this.#awaited.set(record.id, { outcome });
  }

  snapshot(): Json {
    return this.section.snapshot(this.#view);
  }

  restore(json: Json, position: number): void {
    this.#view = this.#read(position, `ends no snapshot of ${this.name}`, () => this.section.restore(json));
  }

  publish(): void {
    const before = this.#published;
    this.#published = this.#view;
    if (before === this.#view) return;
    for (const listener of this.#listeners) listener(this.#view, before);
  }

  #read<T>(position: number, what: string, parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      throw damaged(position, what, error);
    }
  }
}
