// DynamoDB Local, where KCL keeps its leases, and a look into them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.mjs';

/** It would outlive whoever started it, and was killed. */
const untilStdinEnds = '"$@" & read -r _; kill $!';
const startMsMax = 60_000;
const lookMs = 200;

/** Starts it on a free port with nothing in it; answers its address, `items(table)`, `leases(table)` and `stop()`. */
export async function startDynamoDb({ program, args }) {
  const port = await freePort();
  const flags = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  const child = spawn('sh', ['-c', untilStdinEnds, 'sh', program, ...args, ...flags], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-4096);
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let waitedMs = 0; !(await answers(endpoint)); waitedMs += lookMs) {
    if (child.exitCode !== null || waitedMs > startMsMax) throw new Error(`DynamoDB Local: ${said}`);
    await sleep(lookMs);
  }
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
  async function items(table) {
    const { Items = [] } = await call(endpoint, 'Scan', { TableName: table });
    return Items;
  }
  /** The checkpoint and owner of every shard that KCL has a lease for, by shard. */
  async function leases(table) {
    const found = await items(table);
    // Since 3.5 the table holds other things as well, which say what they are.
    return new Map(
      found
        .filter(({ entityType }) => entityType === undefined || entityType.S === 'LEASE')
        .map((item) => [item.leaseKey.S, { checkpoint: item.checkpoint?.S, owner: item.leaseOwner?.S }]),
    );
  }
  return { endpoint, items, leases, stop };
}

async function answers(endpoint) {
  try {
    await call(endpoint, 'ListTables', {});
    return true;
  } catch {
    return false;
  }
}

async function call(endpoint, operation, input) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      // It reads the key and the region out of this, and verifies nothing.
      authorization:
        'AWS4-HMAC-SHA256 Credential=compat/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(input),
  });
  if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
  return answer.json();
}
