/** A promise of the log or of the streams that was broken: what a checker throws, and what ends a run. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Throws a `Violation` with what `message` tells unless `condition` holds. */
export function check(condition: unknown, message: () => string): asserts condition {
  if (!condition) throw new Violation(message());
}
