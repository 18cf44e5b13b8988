/**
 * What a server tells whoever connects to the lock of its data directory: where it can be reached, and a word that only
 * those can know who may open what is in the directory.
 *
 *      {"endpoint":"http://127.0.0.1:4567","pass":"9f3c…","certificate":"-----BEGIN …"}
 *
 * The lock lives exactly as long as its server, so that this is never out of date.
 */
export interface Introduction {
  readonly endpoint: string;
  readonly pass: string;
  /** What to trust at an https endpoint, as PEM; without it, what everybody trusts. */
  readonly certificate?: string | undefined;
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
  const { endpoint, pass, certificate } = value as Readonly<Record<string, unknown>>;
  if (typeof endpoint !== 'string' || typeof pass !== 'string') return undefined;
  return { endpoint, pass, certificate: typeof certificate === 'string' ? certificate : undefined };
}
