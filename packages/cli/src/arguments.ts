/**
 * Flags, declared as data and read strictly: `--name value`, `--name=value`, `--switch`. What a flag does not say,
 * the environment may; what neither says is undefined. Whatever is not declared is refused, with the nearest name.
 *
 *      flag  >  environment  >  the default of whoever asks
 */
import { parseArgs } from 'node:util';
import { assert, kib, mib } from '@millrace/base';
import { nearest } from './nearest.js';
import { UsageError } from './usage-error.js';

export interface Option {
  readonly name: string;
  /** How help calls its value, e.g. `N`. Without it the option is a switch. */
  readonly value?: string;
  /** May be given more than once. */
  readonly repeatable?: boolean;
  /** The variable that stands in for the flag. */
  readonly environment?: string;
  readonly text: string;
}

export interface Arguments {
  /** Whether the value, or the switch, was given at all, and by what: the words for an error message. */
  source(name: string): string | undefined;
  text(name: string): string | undefined;
  /** Every value of a repeatable option. */
  texts(name: string): readonly string[];
  on(name: string): boolean;
  /** What stands there without a flag, in order: the name of a stream, a path. */
  readonly words: readonly string[];
  /** A whole number in [min, max]. */
  integer(name: string, min: number, max: number): number | undefined;
  /** Bytes in [min, max], given as `256mb`, `1gb` or `65536kb`, in units of 1024. */
  bytes(name: string, min: number, max: number): number | undefined;
  /** One of `choices`. */
  choice<const C extends string>(name: string, choices: readonly C[]): C | undefined;
}

/** Reads what was typed after the command. At most `wordsMax` words may stand there without a flag. */
export function readArguments(
  command: string,
  options: readonly Option[],
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  wordsMax = 0,
): Arguments {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  for (const [name, value] of flags(command, options, argv, words)) {
    const values = given.get(name);
    if (values === undefined) given.set(name, [value]);
    else values.push(value);
  }
  if (words.length > wordsMax) throw new UsageError(surplus(command, words[wordsMax] ?? ''));
  const sources = new Map([...given.keys()].map((name) => [name, `--${name}`]));
  for (const option of options) {
    const value = option.environment === undefined ? undefined : environment[option.environment];
    if (option.environment === undefined || value === undefined || value === '') continue;
    if (given.has(option.name) || (option.value === undefined && !switchedOn(option.environment, value)))
      continue;
    given.set(option.name, [value]);
    sources.set(option.name, option.environment);
  }
  return new GivenArguments(options, given, sources, words);
}

/** The flags of `argv` in order, each checked against its declaration; what is none goes to `words`. */
function flags(
  command: string,
  options: readonly Option[],
  argv: readonly string[],
  words: string[],
): [string, string][] {
  const declared = new Map(options.map((option) => [option.name, option]));
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      options.map(({ name, value }) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const found: [string, string][] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      words.push(token.value);
    }
    if (token.kind !== 'option') continue;
    const option = declared.get(token.name);
    if (option === undefined || !token.rawName.startsWith('--')) {
      throw new UsageError(unknown(command, token.rawName, [...declared.keys()]));
    }
    if (option.value === undefined) {
      if (token.value !== undefined) throw new UsageError(`--${option.name} is a switch and takes no value`);
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
      throw new UsageError(`--${option.name} needs a value: --${option.name} ${option.value}`);
    }
    if (option.repeatable !== true && found.some(([name]) => name === option.name)) {
      throw new UsageError(`--${option.name} is given twice; keep one`);
    }
    found.push([option.name, token.value ?? 'true']);
  }
  return found;
}

function surplus(command: string, word: string): string {
  return `${command} takes no argument '${word}'; \`millrace help ${command}\` lists its options`;
}

function unknown(command: string, flag: string, names: readonly string[]): string {
  const near = nearest(flag.replace(/^-+/, ''), names);
  const hint = near === undefined ? '' : `; did you mean --${near}?`;
  return `unknown option ${flag}${hint} (\`millrace help ${command}\` lists them)`;
}

function switchedOn(variable: string, value: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(value.toLowerCase())) return true;
  if (['0', 'false', 'no', 'off'].includes(value.toLowerCase())) return false;
  throw new UsageError(`${variable} is '${value}'; set it to 1 or 0`);
}

const unitBytes: ReadonlyMap<string, number> = new Map([
  ['kb', kib],
  ['mb', mib],
  ['gb', 1024 * mib],
]);

function sizeText(bytes: number): string {
  const [unit, size] = [...unitBytes].reverse().find(([, each]) => bytes % each === 0) ?? ['', 1];
  return `${bytes / size}${unit}`;
}

class GivenArguments implements Arguments {
  readonly #options: readonly Option[];
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #sources: ReadonlyMap<string, string>;
  readonly words: readonly string[];

  constructor(
    options: readonly Option[],
    given: ReadonlyMap<string, readonly string[]>,
    sources: ReadonlyMap<string, string>,
    words: readonly string[],
  ) {
    this.#options = options;
    this.#given = given;
    this.#sources = sources;
    this.words = words;
  }

  source(name: string): string | undefined {
    this.#declared(name);
    return this.#sources.get(name);
  }

  text(name: string): string | undefined {
    return this.texts(name)[0];
  }

  texts(name: string): readonly string[] {
    this.#declared(name);
    return this.#given.get(name) ?? [];
  }

  on(name: string): boolean {
    this.#declared(name);
    return this.#given.has(name);
  }

  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`${this.source(name)} is '${text}'; give a whole number from ${min} to ${max}`);
  }

  bytes(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, number, unit] = /^([0-9]{1,9})(kb|mb|gb)$/i.exec(text) ?? [];
    const value = Number(number) * (unitBytes.get(unit?.toLowerCase() ?? '') ?? Number.NaN);
    if (value >= min && value <= max) return value;
    throw new UsageError(
      `${this.source(name)} is '${text}'; give a size from ${sizeText(min)} to ${sizeText(max)}, as 256mb`,
    );
  }

  choice<const C extends string>(name: string, choices: readonly C[]): C | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const chosen = choices.find((choice) => choice === text);
    if (chosen !== undefined) return chosen;
    throw new UsageError(`${this.source(name)} is '${text}'; give one of ${choices.join(', ')}`);
  }

  #declared(name: string): void {
    assert(
      this.#options.some((option) => option.name === name),
      `the option ${name} is not declared`,
    );
  }
}
