// Another language's SDK through the scenarios of JavaScript's: node program.mjs <driver as JSON> <scenario>…
// The driver is `{ "program": "java", "args": […] }`; what it is told and what it answers, sdk.mjs says.
import { runScenarios } from '../javascript/run-scenarios.mjs';
import { drivenSdk } from './sdk.mjs';

const [driver, ...names] = process.argv.slice(2);
const { sdk, clientOf, called, stop } = drivenSdk(JSON.parse(driver));
const kinesis = clientOf();

await runScenarios(names, { kinesis, sdk, clientOf, called });
await stop();
