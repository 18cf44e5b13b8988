import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateHealth } from './server-state.js';
import { Telemetry } from './telemetry/telemetry.js';

test('a log that has stopped settling is healthy, and says so', () => {
  const well = { writable: true, reason: undefined };
  assert.deepEqual(stateHealth(well, undefined), well);
  const stopped = stateHealth(well, 'chunk-0000000003: EIO');
  assert.equal(stopped.writable, true);
  assert.match(stopped.reason ?? '', /not settled any more.*EIO/);
  const full = { writable: false, reason: 'the disk is full' };
  assert.equal(stateHealth(full, 'EIO'), full, 'what stops puts is said first');
});

test('a log that has stopped settling is told to Prometheus', (t) => {
  const telemetry = new Telemetry();
  t.after(() => telemetry.close());
  const log = {
    appends: 0,
    records: 0,
    payloadBytes: 0,
    commits: 0,
    syncs: 0,
    syncMs: 0,
    diskBytes: 0,
    writable: true,
  };
  for (const [trouble, value] of [
    [undefined, 1],
    ['EIO', 0],
  ] as const) {
    const families = telemetry.families({
      ready: true,
      gateway: { connections: 0, inFlight: 0, streaming: 0, bufferedBytes: 0 },
      clock: { held: false, aheadMs: 0 },
      faults: { set: 0, struck: new Map() },
      state: {
        streams: 0,
        openShards: 0,
        subscriptions: 0,
        log: { ...log, settling: { chunks: 0, unsettledFiles: 9, trouble } },
      },
    });
    const family = families.find(({ name }) => name === 'millrace_log_settling');
    assert.deepEqual(family?.samples, [{ value }]);
  }
});
