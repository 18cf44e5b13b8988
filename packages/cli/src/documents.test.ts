import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, millrace } from './testing/millrace-process.js';
import type { Ran } from './testing/python-clients.js';
import { pythonClients, run, runPython, runShell } from './testing/python-clients.js';

// Examples in the documents that are marked `run` are run, each against a server of its own in place of the one on
// the usual port:
//
//      ```js run          ```python run          ```sh run

interface Example {
  readonly at: string;
  readonly language: string;
  readonly text: string;
}

const guides = path.join('docs', 'guides');
const documents = [
  'README.md',
  path.join('packages', 'cli', 'README.md'),
  ...readdirSync(path.join(checkout, guides)).map((name) => path.join(guides, name)),
];
const examples = documents.flatMap(examplesIn);

function examplesIn(file: string): readonly Example[] {
  const text = readFileSync(path.join(checkout, file), 'utf8');
  return [...text.matchAll(/^```(js|python|sh) run\n(.*?)^```$/gms)].map((match) => ({
    at: `${file}:${text.slice(0, match.index).split('\n').length}`,
    language: match[1] ?? '',
    text: match[2] ?? '',
  }));
}

const clients = pythonClients();
const noPython = 'reason' in clients && clients.reason;

const runners: Readonly<Record<string, (text: string, endpoint: string) => Promise<Ran>>> = {
  js: (text, endpoint) => run(process.execPath, ['--input-type=module'], text, endpoint),
  python: (text, endpoint) => runPython(clients, text, endpoint),
  sh: (text, endpoint) => runShell(clients, text, endpoint),
};

test('there are examples to run, in every language', () => {
  assert.deepEqual(new Set(examples.map(({ language }) => language)), new Set(['js', 'python', 'sh']));
});

for (const { at, language, text } of examples) {
  const skip = language === 'js' ? false : noPython;
  test(`the ${language} example at ${at} runs`, { skip }, async (t) => {
    const server = millrace(t, ['serve', '--port', '0', '--ephemeral', '--create', 'flights:4']);
    const endpoint = await server.endpoint();
    const ran = await runners[language]?.(text.replaceAll('http://127.0.0.1:4567', endpoint), endpoint);
    assert.equal(ran?.code, 0, `${ran?.stdout}\n${ran?.stderr}`);
  });
}
