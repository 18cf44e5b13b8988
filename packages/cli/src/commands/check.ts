/**
 * `millrace check`: looks a data directory through, every byte of it, and changes none.
 *
 *      0 sound      1 damaged: what, where, and which records are gone      2 could not look
 */
import path from 'node:path';
import { checkDirectory } from '@millrace/server/upkeep';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { styleOf } from '../style.js';
import { ProgressLine } from '../upkeep/progress-line.js';
import { reportText } from '../upkeep/report-text.js';

const dataDefault = './data';

const options: readonly Option[] = [
  {
    name: 'data',
    value: 'DIR',
    environment: 'MILLRACE_DATA',
    text: `the data directory (default ${dataDefault})`,
  },
  { name: 'json', text: 'one JSON object with everything that was found' },
];

export const check: Command = {
  name: 'check',
  summary: 'look a data directory through for damage; changes nothing',
  usage: 'check [options]',
  description: [
    'Reads every file of a data directory that no server has, verifies every checksum, and that no record that should be there is missing. What is wrong is named with its file and place, which records are gone with their stream, shard, sequence numbers and times, and what to do about it is said.',
    'It changes nothing, and works on a disk that takes no writes any more. For a running server, take a snapshot and check that.',
    'Exit code 0 when all is sound, 1 when anything is damaged, 2 when it could not be looked at.',
  ],
  options,
  examples: [['millrace check --data ./data', 'is anything damaged?']],
  async run(host, argv) {
    const given = readArguments('check', options, argv, host.environment);
    const directory = path.resolve(host.workingDirectory, given.text('data') ?? dataDefault);
    const line = new ProgressLine(host.errors, host.clock);
    try {
      const report = await checkDirectory(directory, (progress) => line.show('looking', progress));
      line.clear();
      const style = styleOf(host.output, host.environment);
      host.output.write(given.on('json') ? `${JSON.stringify(report)}\n` : reportText(report, style));
      return report.sound ? 0 : 1;
    } finally {
      line.clear();
    }
  },
};
