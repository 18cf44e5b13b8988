/** What help prints, made from the declarations that the commands are read by. */
import type { Option } from '../arguments.js';
import type { Command } from '../command.js';

const columns = 96;

export function helpOnAll(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }): [string, string] => [name, summary]);
  return [
    'Millrace: a durable Kinesis on your machine.',
    '',
    'Usage: millrace <command> [options]',
    '',
    'Commands',
    ...table([...rows, ['help [command]', 'say more about a command and its options']]),
    '',
    'Options',
    ...table([
      ['--help', 'this text; after a command, that command’s'],
      ['--version', 'the version'],
    ]),
    '',
    'Point any AWS client at it: AWS_ENDPOINT_URL=http://127.0.0.1:4567, any region, any credentials;',
    '`millrace env` prints the lines for your shell.',
    '',
  ].join('\n');
}

export function helpOn(command: Command): string {
  return [
    `Usage: millrace ${command.usage}`,
    '',
    ...command.description.flatMap((paragraph) => [...wrapped(paragraph, columns), '']),
    'Options',
    ...table(command.options.map(optionRow)),
    ...(command.examples === undefined ? [] : ['', 'Examples', ...examples(command.examples)]),
    '',
  ].join('\n');
}

function optionRow({ name, value, environment, text }: Option): [string, string] {
  const flag = value === undefined ? `--${name}` : `--${name} ${value}`;
  return [flag, environment === undefined ? text : `${text} [${environment}]`];
}

function examples(lines: readonly (readonly [string, string])[]): readonly string[] {
  return lines.flatMap(([line, meaning]) => [
    `  ${line}`,
    ...wrapped(meaning, columns - 6).map((each) => `      ${each}`),
  ]);
}

function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.flatMap(([left, right]) =>
    wrapped(right, columns - width - 4).map((line, i) => `  ${(i === 0 ? left : '').padEnd(width)}  ${line}`),
  );
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
