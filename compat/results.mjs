// What was proven, as `npm run compat` kept it:
//
//      { "boto3": { "version": "1.44.5",
//                   "scenarios": { "records": { "passed": true, "operations": ["PutRecord", …] }, … } }, … }
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const resultsPath = fileURLToPath(new URL('./results.json', import.meta.url));

export function readResults() {
  return existsSync(resultsPath) ? JSON.parse(readFileSync(resultsPath, 'utf8')) : {};
}

/** Whether `client` has called `operation` in a scenario that passed. */
export function proven(results, client, operation) {
  const { scenarios = {} } = results[client] ?? {};
  return Object.values(scenarios).some(
    ({ passed, operations = [] }) => passed && operations.includes(operation),
  );
}
