/** Opening the streams: over a catalog of their own, or over one that is shared with other services. */
import type { Random } from '@millrace/base';
import { assert } from '@millrace/base';
import type { Catalog } from '../catalog/catalog.js';
import { openCatalog } from '../catalog/catalog.js';
import { CatalogError } from '../catalog/catalog-error.js';
import { Fold } from '../catalog/fold.js';
import { MasterKeyError, type MasterKeys } from '../keys/master-keys.js';
import { secretBytes } from './sealed-token.js';
import { isOnlyTold, keyOf, mastersOf } from './stream.js';
import { Streams, type StreamsFold, type StreamsOptions } from './streams.js';
import { streamsSection } from './streams-section.js';

/** The streams' part of a catalog, for one that is shared with other services. */
export function streamsFold(): StreamsFold {
  return new Fold(streamsSection);
}

/**
 * Opens the streams that `engine` holds and takes up what a crash has left half done. Rejects with `MasterKeyError`
 * when something is sealed under a master key that is not there.
 */
export async function openStreams(options: StreamsOptions): Promise<Streams> {
  const report = options.report ?? (() => {});
  const own = options.catalog === undefined;
  const fold = options.catalog?.fold ?? streamsFold();
  const catalog =
    options.catalog?.catalog ??
    (await openCatalog({
      engine: options.engine,
      random: options.random,
      folds: [fold],
      limits: options.catalogLimits ?? {},
      onSnapshotFailure: (reason) => report(`the catalog's snapshot was not written (${reason})`),
    }));
  if (options.keys !== undefined) {
    const nowMs = Math.max(options.clock.now(), catalog.lastMs);
    checkMasterKeys(fold, options.keys, nowMs);
    await sealWhatIsTold(catalog, fold, options.keys, report);
  }
  const secret = options.secret ?? (await keptSecret(catalog, fold, options.random));
  return new Streams(options, catalog, fold, secret, own, report);
}

async function keptSecret(catalog: Catalog, fold: StreamsFold, random: Random): Promise<Uint8Array> {
  if (fold.view.secret === undefined) {
    const secret = Buffer.from(random.bytes(secretBytes)).toString('hex');
    await catalog.submit(fold, { type: 'secret', secret });
  }
  assert(fold.view.secret !== undefined, 'the secret was kept');
  return Buffer.from(fold.view.secret, 'hex');
}

/** Nothing is served while records that are still kept could not be: better no start than a surprise at night. */
function checkMasterKeys({ view }: StreamsFold, keys: MasterKeys, nowMs: number): void {
  const without = [...view.streams.values()].flatMap((stream) => {
    const missing = mastersOf(stream, nowMs).find((master) => !keys.has(master));
    return missing === undefined ? [] : [{ name: stream.name, missing }];
  });
  const [first, ...others] = without;
  if (first === undefined) return;
  const which = others.length === 0 ? first.name : `${first.name} and of ${others.length} more`;
  throw new MasterKeyError(
    'missing',
    `The records of the stream ${which} are sealed under the master key ${first.missing}, which ${keys.place} does not hold: restore that file from where it is kept, or name its directory with --keys.`,
  );
}

/** Streams that a version before told to be encrypted: what is put from now on is. */
async function sealWhatIsTold(
  catalog: Catalog,
  fold: StreamsFold,
  keys: MasterKeys,
  report: (message: string) => void,
): Promise<void> {
  for (const stream of fold.view.streams.values()) {
    const { incarnation, pending } = stream;
    const soon = typeof pending?.keyId === 'string' && pending.master === undefined;
    if (!soon && !isOnlyTold(stream)) continue;
    try {
      const master = await keys.current();
      await catalog.submit(fold, { type: 'master', key: keyOf(stream), incarnation, master });
    } catch (error) {
      if (!(error instanceof CatalogError)) throw error;
      report(`what is put into ${stream.name} is not sealed until the next start: ${error.message}`);
    }
  }
}
