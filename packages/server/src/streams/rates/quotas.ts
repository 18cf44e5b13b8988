/**
 * How much of the control plane an account has in a region, as AWS grants it before anybody asks for more: `--limits aws`.
 * Evidence: the developer guide's page of quotas for shards; the newest SDK's words on CreateStream for streams.
 */

/** Regions whose accounts have 20,000 shards. */
const largeRegions: ReadonlySet<string> = new Set(['us-east-1', 'us-west-2', 'eu-west-1']);
const shardsOfLargeRegions = 20_000;
/** The guide has 1,000 or 6,000, and does not say where which: we chose the one that refuses nothing AWS would take. */
const shardsOfOtherRegions = 6_000;

/** Open shards of provisioned streams. */
export function shardQuota(region: string): number {
  return largeRegions.has(region) ? shardsOfLargeRegions : shardsOfOtherRegions;
}

/** Streams that are being made or deleted at one time. */
export const comingOrGoingStreamsMax = 5;
