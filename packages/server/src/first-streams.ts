/** The streams that a start was told to make, made as a client would make them, and ACTIVE when this resolves. */
import { type AdjustableClock, type Clock, sleep } from '@millrace/base';
import { AwsError, jsonProtocol } from '@millrace/wire';
import type { ServerState } from './server-state.js';
import { StartError } from './start-error.js';

export interface FirstStream {
  readonly name: string;
  readonly shards: number;
}

/** How long a start waits for the streams it made to become ACTIVE. */
const waitMsMax = 10_000;
const lookMs = 5;

/** Leaves those alone that are there. `clock` is the streams', `machine` the one to wait by. Throws `StartError`. */
export async function makeFirstStreams(
  state: ServerState,
  create: readonly FirstStream[],
  clock: AdjustableClock,
  machine: Clock,
): Promise<void> {
  if (create.length === 0) return;
  for (const stream of create) await make(state, stream, clock);
  const names = new Set(create.map(({ name }) => name));
  for (let waitedMs = 0; waitedMs < waitMsMax && !clock.held; waitedMs += lookMs) {
    const streams = [...state.streams.view.streams.values()];
    if (!streams.some(({ name, status }) => names.has(name) && status === 'CREATING')) return;
    await sleep(machine, lookMs);
  }
}

async function make(
  state: ServerState,
  { name, shards }: FirstStream,
  clock: AdjustableClock,
): Promise<void> {
  const body = Buffer.from(JSON.stringify({ StreamName: name, ShardCount: shards }));
  const context = {
    account: '123456789012',
    region: 'us-east-1',
    requestId: 'start',
    clock,
    signal: new AbortController().signal,
  };
  try {
    await state.services[0]?.operations.get('CreateStream')?.run(jsonProtocol, body, context);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === 'ResourceInUseException') return;
    throw new StartError('bad-option', `The stream ${name} was not made: ${error.message}`, {
      cause: error,
    });
  }
}
