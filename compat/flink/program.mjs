// A Flink job through the scenarios: node program.mjs <how it is run, as JSON> <scenario>…
//
//      {"worker":{"program":"java","args":[…]},"called":["GetRecords"],"copied":["PutRecords"]}
//
// `called` are the operations that a job has called when a scenario has passed, `copied` those of its sink: a connector
// carries its SDK inside, and tells nobody.
import { Run } from '../kcl/run.mjs';
import { scenarios } from './scenarios.mjs';

/** Each is a cluster in a JVM of its own. */
const scenariosAtOnce = 2;

const [how, ...names] = process.argv.slice(2);
const { worker, called, copied } = JSON.parse(how);
const endpoint = process.env.AWS_ENDPOINT_URL;

const queue = [...names];
await Promise.all(
  Array.from({ length: scenariosAtOnce }, async () => {
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) await ask(scenario);
  }),
);

async function ask(scenario) {
  const pipe = scenario.startsWith('job-write');
  const args = [...worker.args, pipe ? 'pipe' : 'print'];
  const run = new Run({ worker: { ...worker, args }, dynamo: {}, stream: scenario, endpoint });
  let result;
  try {
    await scenarios[scenario](run);
    result = { passed: true, operations: [...called, ...(pipe ? copied : [])] };
  } catch (error) {
    result = { passed: false, error: String(error.stack ?? error), operations: [] };
  } finally {
    await run.abandon();
  }
  console.log(JSON.stringify({ scenario, ...result }));
}
