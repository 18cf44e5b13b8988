/** Members of an answer, read strictly: what AWS's model promises is there in its type, or the answer is refused. */
import { KinesisError } from './kinesis-error.js';

export class JsonObject {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw unexpected('an object', value);
    this.#members = value as Readonly<Record<string, unknown>>;
  }

  text(name: string): string {
    return this.optionalText(name) ?? missing(name);
  }

  optionalText(name: string): string | undefined {
    const value = this.#members[name] ?? undefined;
    if (value === undefined || typeof value === 'string') return value;
    throw unexpected(`a string in ${name}`, value);
  }

  number(name: string): number {
    return this.optionalNumber(name) ?? missing(name);
  }

  optionalNumber(name: string): number | undefined {
    const value = this.#members[name] ?? undefined;
    if (value === undefined || typeof value === 'number') return value;
    throw unexpected(`a number in ${name}`, value);
  }

  flag(name: string): boolean {
    return this.#members[name] === true;
  }

  object(name: string): JsonObject {
    return new JsonObject(this.#members[name]);
  }

  optionalObject(name: string): JsonObject | undefined {
    const value = this.#members[name] ?? undefined;
    return value === undefined ? undefined : new JsonObject(value);
  }

  /** The objects of a list; a list that is not there is empty. */
  objects(name: string): readonly JsonObject[] {
    return this.#list(name).map((each) => new JsonObject(each));
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((each) => {
      if (typeof each === 'string') return each;
      throw unexpected(`strings in ${name}`, each);
    });
  }

  #list(name: string): readonly unknown[] {
    const value = this.#members[name] ?? [];
    if (Array.isArray(value)) return value;
    throw unexpected(`a list in ${name}`, value);
  }
}

function missing(name: string): never {
  throw new KinesisError('refused', `the server’s answer has no ${name}: is it a Kinesis endpoint?`);
}

function unexpected(wanted: string, found: unknown): KinesisError {
  return new KinesisError(
    'refused',
    `the server’s answer has ${typeof found} and not ${wanted}: is it a Kinesis endpoint?`,
  );
}
