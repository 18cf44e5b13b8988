/** The streams service as dispatch sees it. */
import { assert } from '@millrace/base';
import { bind, bindStreaming, type Enter } from '../dispatch/bind.js';
import type { BoundOperation, Service } from '../dispatch/operation.js';
import { faultSurface } from './fault-surface.js';
import { frequentOperations } from './operations/frequent.js';
import { operationsNotOffered } from './operations/not-offered.js';
import { operationRates } from './rates/rate-table.js';
import type { Streams } from './streams.js';

/** Kinesis Data Streams: every operation that is offered, bound to `streams`; those that are seldom asked for when they are. */
export function streamsService(streams: Streams): Service {
  const enter: Enter = (operation, input, context) => streams.admission.enter(operation, input, context);
  const operations = new Map<string, BoundOperation>();
  const add = (operation: BoundOperation): void => {
    if (!operations.has(operation.name)) operations.set(operation.name, operation);
  };
  for (const declared of frequentOperations) add(bind<Streams>(streams, declared, enter));
  // Every operation has a rate, but for the puts, whose shards have one.
  const names = new Set(
    operationRates.map(({ operation }) => operation).filter((name) => !operations.has(name)),
  );
  const readAll = async (): Promise<void> => {
    const { streamsOperations, streamsStreamingOperations } = await import('./operations/index.js');
    for (const declared of streamsOperations) add(bind<Streams>(streams, declared, enter));
    for (const declared of streamsStreamingOperations) add(bindStreaming<Streams>(streams, declared, enter));
    assert(
      [...names].every((name) => operations.has(name)),
      'every operation that has a rate is there',
    );
  };
  let reading: Promise<void> | undefined;
  const read = (): Promise<void> => {
    reading ??= readAll();
    return reading;
  };
  return {
    targetPrefix: 'Kinesis_20131202',
    operations,
    later: { names, read },
    notOffered: new Set(operationsNotOffered),
    faults: faultSurface(streams),
  };
}
