/** Opening the streams: over a catalog of their own, or over one that is shared with other services. */
import type { Random } from '@millrace/base';
import { assert } from '@millrace/base';
import type { Catalog } from '../catalog/catalog.js';
import { openCatalog } from '../catalog/catalog.js';
import { Fold } from '../catalog/fold.js';
import { secretBytes } from './sealed-token.js';
import { Streams, type StreamsFold, type StreamsOptions } from './streams.js';
import { streamsSection } from './streams-section.js';

/** The streams' part of a catalog, for one that is shared with other services. */
export function streamsFold(): StreamsFold {
  return new Fold(streamsSection);
}

/** Opens the streams that `engine` holds and takes up what a crash has left half done. */
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
