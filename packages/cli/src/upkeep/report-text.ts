/**
 * What a look through a data directory has found, for a person who is tired: what is wrong, where, what it means, and
 * what to do; then exactly which records are gone.
 */
import type { DirectoryReport, FindingReport, LogReport, LostRecords } from '@millrace/server/upkeep';
import { counted, grouped } from '../demo/figures.js';
import type { Style } from '../style.js';

export function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${grouped(value)} ${units[0]}` : `${value.toFixed(1)} ${units[unit]}`;
}

/** The whole report: the last line says how it stands. */
export function reportText(report: DirectoryReport, style: Style): string {
  const { findings, findingsMore } = report;
  const damages = findings.filter(({ severity }) => severity === 'damage');
  const notes = findings.filter(({ severity }) => severity === 'note');
  const lines: string[] = [];
  for (const finding of damages) lines.push(...findingLines(finding, style.bad('damaged'), style));
  for (const finding of notes) lines.push(...findingLines(finding, style.dim('noted'), style));
  if (findingsMore > 0) lines.push(`and ${grouped(findingsMore)} findings more`);
  if (lines.length > 0) lines.push('');
  lines.push(...lostLines(report.logs, style));
  const streams = new Set(
    report.logs.flatMap(({ stream, account, region }) =>
      stream === undefined ? [] : [`${account}/${region}/${stream}`],
    ),
  );
  const shards = report.logs.filter(({ shard }) => shard !== undefined).length;
  lines.push(
    `${report.directory}: ${counted(report.files, 'file')}, ${sizeText(report.bytes)}, ${counted(report.records, 'record')} in ${counted(streams.size, 'stream')} (${counted(shards, 'shard')})`,
  );
  if (report.recordsLostBefore > 0)
    lines.push(`${counted(report.recordsLostBefore, 'record')} had been lost before: repair.json says which`);
  lines.push(
    report.sound ? style.good('sound: nothing is damaged') : style.bad(verdict(report, damages.length)),
  );
  return `${lines.join('\n')}\n`;
}

function verdict(report: DirectoryReport, damages: number): string {
  const found = `damaged: ${counted(damages + report.findingsMore, 'finding')}`;
  return `${found}; ${goneText(report) ?? 'no record is known to be gone'}`;
}

/** How many records are gone, in words; undefined when all are there. */
export function goneText({ recordsLost, moreMayBeLost }: DirectoryReport): string | undefined {
  const unknown = 'an unknown number';
  if (recordsLost === 0) return moreMayBeLost ? `${unknown} of records may be gone` : undefined;
  return `${counted(recordsLost, 'record')} gone${moreMayBeLost ? `, and ${unknown} more may be` : ''}`;
}

function findingLines(finding: FindingReport, label: string, style: Style): string[] {
  const { file, offset, bytes, message, advice } = finding;
  const length = bytes === undefined ? '' : ` (${grouped(bytes)} bytes)`;
  const place = offset === undefined ? '' : ` at ${grouped(offset)}${length}`;
  const where = file === '' ? '' : `${style.bold(file)}${place}: `;
  return [`${label}  ${where}${message}`, `         ${style.dim(advice)}`];
}

/** Which records are gone, shard by shard. */
export function lostLines(logs: readonly LogReport[], style: Style): string[] {
  const lines: string[] = [];
  for (const { name, lost, account, region } of logs) {
    if (lost.length === 0) continue;
    const of = account === undefined ? '' : style.dim(` (${account}, ${region})`);
    lines.push(`${style.bold(name)}${of}`);
    for (const range of lost) lines.push(`  gone: ${rangeText(range)}`);
  }
  if (lines.length > 0) lines.push('');
  return lines;
}

function rangeText(range: LostRecords): string {
  const { records, atMost, afterSequenceNumber, beforeSequenceNumber, afterMs, beforeMs } = range;
  const after = afterMs === undefined ? 'the beginning' : timeText(afterMs);
  const before = beforeMs === undefined ? 'the end' : timeText(beforeMs);
  const numbers =
    afterSequenceNumber === undefined
      ? ''
      : `; sequence numbers after ${afterSequenceNumber}${beforeSequenceNumber === undefined ? '' : ` and before ${beforeSequenceNumber}`}`;
  if (atMost) return `an unknown number of records, if any, that arrived after ${after}${numbers}`;
  return `${counted(records, 'record')}, arrived between ${after} and ${before}${numbers}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
