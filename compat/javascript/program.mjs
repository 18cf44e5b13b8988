// The AWS SDK for JavaScript v3, as its users have it: node program.mjs <http2|http1> <scenario>…
// Over http2 the client is the SDK's default; over http1 it has the handler that most of the SDK's other clients use.
import * as sdk from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { runScenarios } from './run-scenarios.mjs';

const [transport, ...names] = process.argv.slice(2);

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

const kinesis = clientOf();
await runScenarios(names, { kinesis, sdk, clientOf, called });
kinesis.destroy();
