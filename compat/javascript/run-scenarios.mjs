// Scenarios one after another, each with its result as a line of JSON.
import assert from 'node:assert/strict';
import { scenarios } from './scenarios.mjs';

/**
 * @param names of `scenarios`
 * @param client `kinesis` and `sdk`, `clientOf` for further clients, and `called`: the set of operations that were
 *   answered with 200, which is emptied before each scenario
 */
export async function runScenarios(names, { kinesis, sdk, clientOf, called }) {
  for (const scenario of names) {
    called.clear();
    let result;
    try {
      await scenarios[scenario]({ kinesis, sdk, clientOf, control });
      result = { passed: true, operations: [...called] };
    } catch (error) {
      result = { passed: false, error: String(error.stack ?? error), operations: [] };
    }
    console.log(JSON.stringify({ scenario, ...result }));
  }
}

/** Millrace's own controls, as a tester uses them with curl. */
async function control(method, path, body) {
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/_millrace/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}
