import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const here = new URL('.', import.meta.url).href;

const program = `
  import { assert, SystemClock } from '@millrace/base';
  import { jsonLogger } from '${here}../logger.js';
  import { Dispatch } from '${here}dispatch.js';
  const clock = new SystemClock();
  const run = async () => assert(false, 'one is two');
  const dispatch = new Dispatch({
    services: () => [{ targetPrefix: 'S', operations: new Map([['Op', { name: 'Op', run }]]) }],
    clock,
    logger: jsonLogger((line) => process.stdout.write(line), clock),
    ownHosts: new Set(),
  });
  setInterval(() => undefined, 1000);
  dispatch.handle({
    method: 'POST',
    path: '/',
    header: (name) => ({ 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'S.Op' })[name],
    body: Buffer.from('{}'),
    requestId: 'the-request-id',
    respond: ({ status }) => process.stdout.write('answered ' + status + '\\n'),
  });
`;

test('a failed assertion is logged, answered, and ends the process', () => {
  const cwd = new URL('../..', import.meta.url);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd,
  });
  assert.equal(status, 1, 'the process ended by itself');
  const [line = '', answered] = stdout.toString().split('\n');
  assert.match(line, /"level":"error".*"requestId":"the-request-id".*AssertionError: one is two/);
  assert.equal(answered, 'answered 500');
  assert.match(stderr.toString(), /AssertionError: one is two/);
});
