/**
 * What the person at the keyboard can put right: a bad flag, a missing checkout, a folder of somebody else's. Its
 * message is one line that says what to do; the process ends with exit code 2 and no stack.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
