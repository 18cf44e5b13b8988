/** The consumers of one stream, as they must be: names, the ARNs that they were given, tags. */
import type { Code } from './reference-model.js';

interface ReferenceConsumer {
  arn: string;
  readonly tags: Map<string, string>;
}

export const consumersMax = 2;
export const committedConsumersMax = 3;

export class ReferenceConsumers {
  readonly #byName = new Map<string, ReferenceConsumer>();

  /** By name, as they are listed. */
  get names(): readonly string[] {
    return [...this.#byName.keys()].sort();
  }

  arnOf(name: string): string | undefined {
    return this.#byName.get(name)?.arn;
  }

  get told(): readonly object[] {
    return this.names.map((name) => {
      const { arn, tags } = this.#byName.get(name) ?? { arn: '', tags: new Map<string, string>() };
      return { name, arn, status: 'ACTIVE', tags: [...tags].sort(([a], [b]) => (a < b ? -1 : 1)) };
    });
  }

  register(name: string, committed: boolean): Code | undefined {
    if (this.#byName.has(name)) return 'ResourceInUseException';
    if (this.#byName.size >= (committed ? committedConsumersMax : consumersMax))
      return 'LimitExceededException';
    this.#byName.set(name, { arn: '', tags: new Map() });
    return undefined;
  }

  /** The answer to `register` said so. */
  called(name: string, arn: string): void {
    const consumer = this.#byName.get(name);
    if (consumer !== undefined) consumer.arn = arn;
  }

  deregister(name: string): Code | undefined {
    return this.#byName.delete(name) ? undefined : 'ResourceNotFoundException';
  }

  tag(name: string, key: string, value: string): Code | undefined {
    const consumer = this.#byName.get(name);
    if (consumer === undefined) return 'ResourceNotFoundException';
    consumer.tags.set(key, value);
    return undefined;
  }
}
