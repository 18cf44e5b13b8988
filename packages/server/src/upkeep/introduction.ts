/**
 * What a server tells whoever connects to the lock of its data directory: where it can be reached, and a word that only
 * those can know who may open what is in the directory.
 *
 *      {"endpoint":"http://127.0.0.1:4567","pass":"9f3c…","process":1234}
 *
 * The lock lives exactly as long as its server, so that this is never out of date.
 */
export interface Introduction {
  readonly endpoint: string;
  readonly pass: string;
  readonly process: number;
}

/** What was said, if it is of this form. */
export function parseIntroduction(said: string): Introduction | undefined {
  let value: unknown;
  try {
    value = JSON.parse(said);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { endpoint, pass, process } = value as Readonly<Record<string, unknown>>;
  const isWhole = typeof endpoint === 'string' && typeof pass === 'string' && typeof process === 'number';
  return isWhole ? { endpoint, pass, process } : undefined;
}
