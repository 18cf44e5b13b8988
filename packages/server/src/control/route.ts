import type { Answer, Exchange } from '../gateway/exchange.js';

/** One thing that can be asked of the server itself. */
export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/_millrace/clock`; one that ends in an asterisk takes any last part, and is told which. */
  readonly path: string;
  /** Throws `ControlRefusal`, or rejects with it, for what the asker can put right. */
  answer(exchange: Exchange, lastPart: string): Answer | Promise<Answer>;
}

/** Why a control does nothing, in a sentence that says what to do instead. */
export class ControlRefusal extends Error {
  override readonly name = 'ControlRefusal';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export function jsonAnswer(status: number, value: object): Answer {
  return { status, contentType: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

/** The members of a request's body, which is a JSON object or empty. Throws `ControlRefusal`. */
export function jsonMembers(exchange: Exchange): { readonly [name: string]: unknown } {
  const text = Buffer.from(exchange.body).toString('utf8');
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ControlRefusal(400, 'The body is not JSON.', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlRefusal(400, 'The body is not a JSON object.');
  }
  return value as { readonly [name: string]: unknown };
}
