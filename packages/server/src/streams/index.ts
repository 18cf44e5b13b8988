/** The streams service as dispatch sees it. */
import { bind, bindStreaming, type Enter } from '../dispatch/bind.js';
import type { Service } from '../dispatch/operation.js';
import { faultSurface } from './fault-surface.js';
import { streamsOperations, streamsStreamingOperations } from './operations/index.js';
import { operationsNotOffered } from './operations/not-offered.js';
import type { Streams } from './streams.js';

/** Kinesis Data Streams: every operation that is offered, bound to `streams`. */
export function streamsService(streams: Streams): Service {
  const enter: Enter = (operation, input, context) => streams.admission.enter(operation, input, context);
  const bound = [
    ...streamsOperations.map((declared) => bind<Streams>(streams, declared, enter)),
    ...streamsStreamingOperations.map((declared) => bindStreaming<Streams>(streams, declared, enter)),
  ];
  return {
    targetPrefix: 'Kinesis_20131202',
    operations: new Map(bound.map((operation) => [operation.name, operation])),
    notOffered: new Set(operationsNotOffered),
    faults: faultSurface(streams),
  };
}
