/**
 * `millrace snapshot`: a copy of a data directory as it stands, while its server goes on, or of one that is stopped.
 *
 *      the lock of DIR answers ──▶ its server is asked to copy itself      nobody answers ──▶ copied here
 */
import path from 'node:path';
import { holderOf, parseIntroduction, type Snapshot, snapshotStopped } from '@millrace/server/upkeep';
import type { Option } from '../arguments.js';
import { readArguments } from '../arguments.js';
import type { Command } from '../command.js';
import { counted, span } from '../demo/figures.js';
import type { Host } from '../host.js';
import { ProgressLine } from '../upkeep/progress-line.js';
import { sizeText } from '../upkeep/report-text.js';
import { snapshotOfServer } from '../upkeep/running-server.js';
import { UsageError } from '../usage-error.js';

const dataDefault = './data';

const options: readonly Option[] = [
  {
    name: 'data',
    value: 'DIR',
    environment: 'MILLRACE_DATA',
    text: `the data directory (default ${dataDefault}); its server may be running`,
  },
  { name: 'to', value: 'DIR', text: 'where to make the copy: a directory that is not there, or empty' },
  { name: 'json', text: 'one JSON object: to, files, bytes, bytesLinked, tookMs' },
];

interface Timed extends Snapshot {
  readonly tookMs: number;
}

export const snapshot: Command = {
  name: 'snapshot',
  summary: 'copy a data directory as it stands, while its server goes on',
  usage: 'snapshot --to DIR [options]',
  description: [
    'Makes a data directory that holds every record that was acknowledged when the command was typed. The server goes on serving meanwhile. It is found by the data directory: nothing else needs to be named.',
    'On the same file system, files that never change any more are linked, not copied: a snapshot takes seconds and little space, and keeps what it holds when the original is deleted. It is synced to the disk when the command says that it is done. A copy that was cut off is no data directory, and no server starts on it.',
    'The master key of encrypted streams is not in it: without a copy of that too, kept elsewhere, no server starts on it either.',
  ],
  options,
  examples: [
    ['millrace snapshot --data ./data --to /backup/monday', 'a copy'],
    ['millrace check --data /backup/monday', 'is it sound?'],
    ['millrace serve --data /backup/monday --port 4568', 'a server over it'],
  ],
  async run(host, argv) {
    const given = readArguments('snapshot', options, argv, host.environment);
    const place = given.text('to');
    if (place === undefined) throw new UsageError('snapshot needs a place for the copy: --to DIR');
    const to = path.resolve(host.workingDirectory, place);
    const dataDir = path.resolve(host.workingDirectory, given.text('data') ?? dataDefault);
    const line = new ProgressLine(host.errors, host.clock);
    try {
      const made = await take(dataDir, to, host, line);
      line.clear();
      if (given.on('json')) host.output.write(`${JSON.stringify(made)}\n`);
      else host.output.write(text(made));
      return 0;
    } finally {
      line.clear();
    }
  },
};

async function take(dataDir: string, to: string, host: Host, line: ProgressLine): Promise<Timed> {
  const beganMs = host.clock.now();
  const said = await holderOf(dataDir);
  if (said === undefined) {
    const made = await snapshotStopped(dataDir, to, (progress) => line.show('copying', progress));
    return { ...made, tookMs: host.clock.now() - beganMs };
  }
  const server = parseIntroduction(said);
  if (server === undefined)
    throw new UsageError(
      `a process has ${dataDir} that does not say how it can be reached: wait until it is done`,
    );
  const standing = await snapshotOfServer(server, to, host, line);
  if (standing.state === 'failed') throw new UsageError(standing.message);
  const { state: _done, ...made } = standing;
  return made;
}

function text({ to, files, bytes, bytesLinked, tookMs }: Timed): string {
  const linked = bytesLinked === 0 ? '' : `, ${sizeText(bytesLinked)} of it linked`;
  return `${to}: ${counted(files, 'file')}, ${sizeText(bytes)}${linked}, in ${span(tookMs)}\n`;
}
