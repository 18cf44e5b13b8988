/**
 * An answer of AWS that is an error: thrown by operations and by the domain beneath them, printed in one place by
 * the protocol. It is not a failure of the program: it carries no stack, and throwing it costs little.
 */
export class AwsError extends Error {
  /** The error's shape name, e.g. `ResourceNotFoundException`. */
  readonly code: string;
  readonly status: number;
  /** Members beside the message that the error's shape declares. */
  readonly members: { readonly [name: string]: unknown };

  constructor(
    code: string,
    message: string,
    options: { readonly status?: number; readonly members?: { readonly [name: string]: unknown } } = {},
  ) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.name = code;
    this.code = code;
    this.status = options.status ?? 400;
    this.members = options.members ?? {};
  }

  /** Who is to blame, as AWS counts it. */
  get fault(): 'client' | 'server' {
    return this.status < 500 ? 'client' : 'server';
  }
}
