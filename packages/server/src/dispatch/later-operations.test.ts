/** Operations that are read when they are first asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdjustableClock, SystemClock } from '@millrace/base';
import { structure } from '@millrace/wire';
import type { Exchange } from '../gateway/exchange.js';
import { silentLogger } from '../logger.js';
import { Dispatch } from './dispatch.js';
import type { BoundOperation, Service } from './operation.js';

const empty = structure('Empty', {});

function operationOf(name: string): BoundOperation {
  return { name, input: empty, output: undefined, run: async () => Buffer.from(name) };
}

class Reading {
  readonly operations = new Map([['Early', operationOf('Early')]]);
  reads = 0;
  /** Lets go of those who wait for the reading, or fails them. */
  done: (error?: Error) => void = () => {};
  readonly #dispatch: Dispatch;

  constructor() {
    let reading: Promise<void> | undefined;
    const read = (): Promise<void> => {
      reading ??= new Promise((resolve, reject) => {
        this.reads++;
        this.done = (error) => {
          if (error !== undefined) reject(error);
          else {
            this.operations.set('Late', operationOf('Late'));
            resolve();
          }
        };
      });
      return reading;
    };
    const later = { names: new Set(['Late']), read };
    const service: Service = { targetPrefix: 'S', operations: this.operations, later };
    const clock = new AdjustableClock(new SystemClock());
    const options = { services: () => [service], clock, logger: silentLogger, ownHosts: new Set<string>() };
    this.#dispatch = new Dispatch(options);
  }

  /** The status and the body of the answer. */
  ask(name: string): Promise<readonly [number, string]> {
    const headers: { readonly [name: string]: string } = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `S.${name}`,
    };
    return new Promise((resolve, reject) => {
      const exchange: Exchange = {
        method: 'POST',
        path: '/',
        header: (line) => headers[line],
        body: Buffer.from('{}'),
        requestId: 'the-request-id',
        signal: new AbortController().signal,
        respond: ({ status, body }) => resolve([status, Buffer.from(body).toString('utf8')]),
        drop: () => reject(new Error('dropped')),
        respondInPieces: () => reject(new Error('answered in pieces')),
      };
      this.#dispatch.handle(exchange);
    });
  }
}

test('the first that ask for one wait for the reading, others do not, and it is read once', async () => {
  const under = new Reading();
  const first = [under.ask('Late'), under.ask('Late')];
  assert.deepEqual(await under.ask('Early'), [200, 'Early']);
  assert.match((await under.ask('Unheard'))[1], /UnknownOperationException/);
  under.done();
  assert.deepEqual(await Promise.all(first), [
    [200, 'Late'],
    [200, 'Late'],
  ]);
  assert.deepEqual(await under.ask('Late'), [200, 'Late']);
  assert.equal(under.reads, 1);
});

test('what cannot be read fails those who ask for it, and nobody else', async () => {
  const under = new Reading();
  const first = under.ask('Late');
  under.done(new Error('the file is gone'));
  assert.deepEqual(await first, [500, '<InternalFailure/>\n']);
  assert.deepEqual(await under.ask('Early'), [200, 'Early']);
});
