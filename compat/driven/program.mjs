// Another language's SDK through the scenarios of JavaScript's: node program.mjs <driver as JSON> <scenario>…
// The driver is `{ "program": "java", "args": […] }`; what it is told and what it answers, sdk.mjs says.
import assert from 'node:assert/strict';
import { scenarios } from '../javascript/scenarios.mjs';
import { drivenSdk } from './sdk.mjs';

const [driver, ...names] = process.argv.slice(2);
const { sdk, clientOf, called, stop } = drivenSdk(JSON.parse(driver));
const kinesis = clientOf();

/** Millrace's own controls, as a tester uses them with curl. */
async function control(method, path, body) {
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/_millrace/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

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
await stop();
