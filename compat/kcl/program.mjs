// A Kinesis Client Library through the scenarios: node program.mjs <how it is run, as JSON> <scenario>…
//
//      {"worker":{"program":"java","args":[…]},"dynamodb":{"program":"java","args":[…]},"called":["GetRecords"]}
//
// `called` are the operations that a worker has called when a scenario has passed, where it cannot say them itself.
import { startDynamoDb } from './dynamodb.mjs';
import { Run } from './run.mjs';
import { scenarios } from './scenarios.mjs';

/** Each waits most of its time. */
const scenariosAtOnce = 3;

const [how, ...names] = process.argv.slice(2);
const { worker, dynamodb, called = [] } = JSON.parse(how);
const endpoint = process.env.AWS_ENDPOINT_URL;

const dynamo = await startDynamoDb(dynamodb);
const queue = [...names];
await Promise.all(
  Array.from({ length: scenariosAtOnce }, async () => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) await ask(scenario);
  }),
);
await dynamo.stop();

async function ask(scenario) {
  const run = new Run({ worker, dynamo, stream: scenario, endpoint });
  try {
    await scenarios[scenario](run);
    console.log(JSON.stringify({ scenario, passed: true, operations: [...called, ...run.called] }));
  } catch (error) {
    console.log(
      JSON.stringify({ scenario, passed: false, error: String(error.stack ?? error), operations: [] }),
    );
  } finally {
    await run.abandon();
  }
}
