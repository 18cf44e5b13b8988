// The AWS SDK for JavaScript v3, as its users have it: node program.mjs <http2|http1> <scenario>…
// Over http2 the client is the SDK's default; over http1 it has the handler that most of the SDK's other clients use.
import assert from 'node:assert/strict';
import * as sdk from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { scenarios } from './scenarios.mjs';

const [transport, ...names] = process.argv.slice(2);
const endpoint = process.env.AWS_ENDPOINT_URL;

/** What was called, and answered with 200, since the last look. */
const called = new Set();

function clientOf(options = {}) {
  const kinesis = new sdk.KinesisClient({
    ...(transport === 'http1' ? { requestHandler: new NodeHttpHandler() } : {}),
    ...options,
  });
  kinesis.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        called.add(commandName.replace(/Command$/, ''));
        return answer;
      },
    { step: 'initialize', name: 'calledOperations' },
  );
  return kinesis;
}

/** Millrace's own controls, as a tester uses them with curl. */
async function control(method, path, body) {
  const answer = await fetch(`${endpoint}/_millrace/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

const kinesis = clientOf();
for (const scenario of names) {
  called.clear();
  try {
    await scenarios[scenario]({ kinesis, sdk, clientOf, control });
    console.log(JSON.stringify({ scenario, passed: true, operations: [...called] }));
  } catch (error) {
    console.log(
      JSON.stringify({ scenario, passed: false, error: String(error.stack ?? error), operations: [] }),
    );
  }
}
kinesis.destroy();
