/**
 * A server's own controls, beneath `/_millrace/`: its clock and its faults. What it refuses is a `KinesisError`, or a
 * `UsageError` where it was asked in a way that cannot be.
 */

import type { Arguments } from '../arguments.js';
import type { Host } from '../host.js';
import { UsageError } from '../usage-error.js';
import { HttpCaller } from './http-caller.js';
import { JsonObject } from './json-object.js';
import { KinesisError } from './kinesis-error.js';
import { type Target, targetOf } from './target.js';

export class Controls {
  readonly #target: Target;
  readonly #http: HttpCaller;

  constructor(target: Target) {
    this.#target = target;
    this.#http = new HttpCaller(target.endpoint);
  }

  /** What it answers, which is a JSON object. */
  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<JsonObject> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const answer = await this.#http.call(method, `/_millrace/${path}`, {}, text);
    const said = parsed(answer.body.toString('utf8'));
    if (said === undefined || answer.status === 404) {
      const where = this.#target.endpoint.origin;
      const why = said?.optionalText('message') ?? `HTTP ${answer.status}`;
      throw new KinesisError('refused', `${where} has no such control (${why})`);
    }
    if (answer.status >= 300) {
      const message = said.optionalText('message') ?? `HTTP ${answer.status}`;
      throw answer.status === 400 ? new UsageError(message) : new KinesisError('refused', message);
    }
    return said;
  }

  close(): void {
    this.#http.close();
  }
}

/** Runs `use` with the controls of the server that flags and environment name. */
export async function withControls<T>(
  host: Host,
  given: Arguments,
  use: (controls: Controls) => Promise<T>,
): Promise<T> {
  const controls = new Controls(targetOf(given, host));
  try {
    return await use(controls);
  } finally {
    controls.close();
  }
}

function parsed(text: string): JsonObject | undefined {
  try {
    return new JsonObject(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
