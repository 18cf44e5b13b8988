/**
 * What an on-demand stream is ready to take, in units (`load.ts`), while AWS's rates are kept: what it had fifteen minutes
 * before, or when it was first met.
 *
 *      shards   4 ──────────┐8 ─────────────────┐16 ──────       split within a minute of the load that needs them
 *      ready    4 ──────────────── 15 min ──────┐8 ──────        so traffic may double in that time, and no more
 *
 * Evidence: AWS's guide on capacity modes makes room for twice the peak of thirty days, and says that writes can be
 * throttled when traffic grows to more than twice the previous peak within fifteen minutes; its FAQ says that they are.
 * A new stream takes 4 MiB a second, as its four shards do. That a stream which comes from provisioned mode may use all
 * that it brings, and warm throughput holds at once, is in the guide too. How AWS measures a peak is undocumented: here the
 * shards stand for it, since they are made to be twice the peak of a look at the load.
 */
const readyAfterMs = 15 * 60_000;

/** How many shards it has had, from when on, in order: the last 15 minutes and what was before them. Never empty. */
export type ShardsHad = readonly [{ readonly fromMs: number; readonly shards: number }, ...Since];
type Since = readonly { readonly fromMs: number; readonly shards: number }[];

/** `had`, and so many from now on. */
export function withShards(had: ShardsHad | undefined, nowMs: number, shards: number): ShardsHad {
  const now = { fromMs: nowMs, shards };
  if (had === undefined) return [now];
  if (had.at(-1)?.shards === shards) return had;
  let [first, ...since] = had;
  for (const next of had) if (next.fromMs <= nowMs - readyAfterMs) first = next;
  since = since.filter((each) => each.fromMs > first.fromMs);
  return [first, ...since, now];
}

export function readyShards(had: ShardsHad, nowMs: number): number {
  return had.reduce(
    (ready, each) => (each.fromMs <= nowMs - readyAfterMs ? each.shards : ready),
    had[0].shards,
  );
}
