/**
 * `millrace repair`: salvages what is sound in a damaged data directory into a new one, and says what is gone.
 *
 *      0 all is there      1 made, and records are or may be gone: which ones      2 nothing was made
 */
import path from 'node:path';
import { type RepairReport, repairDirectory } from '@millrace/server/upkeep';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { counted } from '../demo/figures.js';
import { type Style, styleOf } from '../style.js';
import { ProgressLine } from '../upkeep/progress-line.js';
import { goneText, lostLines, sizeText } from '../upkeep/report-text.js';
import { UsageError } from '../usage-error.js';

const dataDefault = './data';

const options: readonly Option[] = [
  {
    name: 'data',
    value: 'DIR',
    environment: 'MILLRACE_DATA',
    text: `the damaged data directory (default ${dataDefault}); it is only read`,
  },
  { name: 'to', value: 'DIR', text: 'where to make the new one: a directory that is not there, or empty' },
  { name: 'json', text: 'one JSON object with everything that was found and done' },
];

const steps = { look: 'looking', salvage: 'salvaging', verify: 'verifying' } as const;

export const repair: Command = {
  name: 'repair',
  summary: 'salvage a damaged data directory into a new one',
  usage: 'repair --to DIR [options]',
  description: [
    'Copies every record that is sound into a new data directory, under its sequence number and time, and says exactly which ones are gone. The damaged directory is only read: keep it until you are sure. The new one is checked before the command says that it is done.',
    'Where the damage took what names a stream or a shard, its records are in a stream called recovered-…, in closed shards. What was lost is written down in repair.json.',
    'Exit code 0 when nothing is gone, 1 when the new directory is made and records are gone or may be, 2 when nothing was made.',
  ],
  options,
  examples: [
    ['millrace repair --data ./data --to ./data-repaired', 'salvage'],
    ['millrace serve --data ./data-repaired', 'and go on from there'],
  ],
  async run(host, argv) {
    const given = readArguments('repair', options, argv, host.environment);
    const to = given.text('to');
    if (to === undefined) throw new UsageError('repair needs a place for the new directory: --to DIR');
    const line = new ProgressLine(host.errors, host.clock);
    try {
      const report = await repairDirectory({
        dataDir: path.resolve(host.workingDirectory, given.text('data') ?? dataDefault),
        to: path.resolve(host.workingDirectory, to),
        clock: host.clock,
        progress: (step, progress) => line.show(steps[step], progress),
      });
      line.clear();
      const style = styleOf(host.output, host.environment);
      host.output.write(given.on('json') ? `${JSON.stringify(report)}\n` : repairText(report, style));
      if (!report.after.sound) host.errors.write('millrace: the new directory is not sound: do not use it\n');
      return goneText(report.before) === undefined && report.after.sound ? 0 : 1;
    } finally {
      line.clear();
    }
  },
};

function repairText({ before, after, mended }: RepairReport, style: Style): string {
  const damages = before.findings.filter(({ severity }) => severity === 'damage').length;
  const gone = goneText(before);
  const lines = [`${before.directory}: ${counted(damages + before.findingsMore, 'damage')}`, ''];
  lines.push(...lostLines(before.logs, style));
  for (const sentence of mended) lines.push(`the catalog: ${sentence}`);
  if (mended.length > 0) lines.push('');
  lines.push(
    `${after.directory}: ${sizeText(after.bytes)}, ${counted(after.records, 'record')}`,
    gone === undefined
      ? style.good('every record that was there is there')
      : style.bad(`${gone}; repair.json says which`),
    style.dim(`Go on with: millrace serve --data ${after.directory}`),
  );
  return `${lines.join('\n')}\n`;
}
