import type { Option } from './arguments.js';
import type { Host } from './host.js';

/** One command of the command line: what help says about it, and what it does. */
export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** After `millrace`, e.g. `serve [options]`. */
  readonly usage: string;
  /** Paragraphs for `millrace help <name>`. */
  readonly description: readonly string[];
  readonly options: readonly Option[];
  /** Lines to type, each with what it does. */
  readonly examples?: readonly (readonly [line: string, meaning: string])[];
  /** Runs to its end and answers the exit code. Throws `UsageError` for what its user can put right. */
  run(host: Host, argv: readonly string[]): Promise<number>;
}
