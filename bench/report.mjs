/** From figures to rows, and from rows to the table that a person reads. */

/** @param runs for each run, a map from an entrant's label to its figures */
export function judge(row, entrants, runs) {
  const first = runs.map((run) => row.value(run.get(row.of ?? entrants[0].label)));
  const beside = row.beside === undefined ? undefined : runs.map((run) => row.value(run.get(row.beside)));
  // Each run is divided by its neighbour in time, so that what slows the machine for a while slows both.
  const ratios = beside === undefined ? undefined : first.map((value, i) => value / beside[i]);
  const work = beside === undefined ? undefined : workRatio(row, entrants, runs);
  const judged = median(ratios ?? first);
  const hasTarget = row.atLeast !== undefined || row.atMost !== undefined;
  const met = !hasTarget || (judged >= (row.atLeast ?? -Infinity) && judged <= (row.atMost ?? Infinity));
  return {
    title: row.title,
    unit: row.unit,
    value: median(first),
    values: first,
    beside: row.beside,
    besideValue: beside === undefined ? undefined : median(beside),
    ratio: ratios === undefined ? undefined : judged,
    ratios,
    work,
    atLeast: row.atLeast,
    atMost: row.atMost,
    aim: row.aim,
    met: hasTarget ? met : undefined,
  };
}

/**
 * How many records of ours the processor time of one of theirs pays for. It bounds the ratio of the rates where the
 * processor is what is short, and moves far less with what else the machine does.
 */
function workRatio(row, entrants, runs) {
  const micros = (label) => runs.map((run) => run.get(label).serverMicrosPerRecord);
  const ours = micros(row.of ?? entrants[0].label);
  const theirs = micros(row.beside);
  const known = row.value === recordsPerSecond && [...ours, ...theirs].every((value) => value !== undefined);
  return known ? median(ours.map((value, i) => theirs[i] / value)) : undefined;
}

export const recordsPerSecond = (figures) => figures.recordsPerSecond;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const HEADER = ['case', 'millrace', 'beside', '', 'ratio', 'least–most', 'by work', 'target', ''];

export function table(rows) {
  const lines = [HEADER, ...rows.map(cells)];
  const widths = HEADER.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const leftAligned = new Set([0, 2, 7, 8]);
  const print = (line) =>
    `| ${line.map((cell, i) => (leftAligned.has(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (leftAligned.has(i) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [print(lines[0]), rule, ...lines.slice(1).map(print)].join('\n');
}

function cells(row) {
  const spread = row.ratios ?? row.values;
  return [
    row.title,
    `${number(row.value)} ${row.unit}`,
    row.beside ?? '',
    row.besideValue === undefined ? '' : number(row.besideValue),
    row.ratio === undefined ? '' : number(row.ratio),
    `${number(Math.min(...spread))}–${number(Math.max(...spread))}`,
    row.work === undefined ? '' : number(row.work),
    target(row),
    row.met === undefined ? '' : row.met ? 'met' : 'MISSED',
  ];
}

function target(row) {
  if (row.atLeast === undefined && row.aim !== undefined) return `(aim ≥ ${row.aim})`;
  if (row.atLeast !== undefined) return `≥ ${row.atLeast}${row.aim === undefined ? '' : ` (aim ${row.aim})`}`;
  return row.atMost === undefined ? '' : `≤ ${row.atMost} ${row.ratio === undefined ? row.unit : ''}`.trim();
}

function number(value) {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** One line while the bench runs, so that a person sees it move and can judge the load generator. */
export function progress(caseName, run, label, figures) {
  const parts = [];
  if (figures.recordsPerSecond !== undefined) {
    parts.push(`${number(figures.recordsPerSecond)} records/s`);
    if (figures.serverMicrosPerRecord !== undefined)
      parts.push(
        `server ${number(figures.serverMicrosPerRecord)} µs/record (${percent(figures.serverBusy)} busy)`,
      );
    parts.push(`generator ${percent(figures.generatorBusy)} busy`);
  }
  if (figures.requestP50Ms !== undefined)
    parts.push(`request p50 ${number(figures.requestP50Ms)} p99 ${number(figures.requestP99Ms)} ms`);
  if (figures.seenP99Ms !== undefined) {
    parts.push(`seen p50 ${number(figures.seenP50Ms)} p99 ${number(figures.seenP99Ms)} ms`);
    parts.push(`answered p50 ${number(figures.answeredP50Ms)} p99 ${number(figures.answeredP99Ms)} ms`);
  }
  if (figures.largePuts !== undefined)
    parts.push(
      `beside ${figures.largePuts} puts of 10 MiB and ${figures.pageRecords} records in ${figures.pages} pages`,
    );
  if (figures.idleMb !== undefined)
    parts.push(`first answer ${number(figures.firstAnswerMs)} ms, idle ${number(figures.idleMb)} MB`);
  if (figures.deliveredRecords !== undefined) {
    parts.push(
      `${figures.deliveredRecords} records delivered, ${number(figures.serverMicrosPerDelivery)} µs each`,
    );
    parts.push(
      `server ${percent(figures.serverBusy)} busy, generator ${percent(figures.generatorBusy)} busy`,
    );
  }
  if (figures.megabytesPerSecond !== undefined) parts.push(`${number(figures.megabytesPerSecond)} MB/s`);
  if (figures.residentMaxMb !== undefined)
    parts.push(
      `resident at most ${number(figures.residentMaxMb)} MB, by tenths ${figures.residentPartsMb.map((mb) => mb.toFixed(0)).join(' ')}, in the second half ${number(figures.residentGrownMb)} MB more`,
    );
  if (figures.reopenMs !== undefined)
    parts.push(`reopened in ${number(figures.reopenMs)} ms with ${number(figures.journalGb)} GB of journal`);
  if (figures.bytesPerShard !== undefined)
    parts.push(
      `${number(figures.emptyMb)} MB empty, ${number(figures.fullMb)} MB full, ${number(figures.bytesPerShard)} bytes per shard`,
      `made in ${number(figures.createdMs)} ms, restarted in ${number(figures.restartMs)} ms`,
    );
  if (figures.putRecords !== undefined) parts.push(`${figures.putRecords} records in all`);
  if (figures.settlings > 0) parts.push(`${figures.settlings} chunks settled`);
  if (figures.residentMb !== undefined) parts.push(`resident ${number(figures.residentMb)} MB`);
  if (figures.othersBusy !== undefined) parts.push(`others ${percent(figures.othersBusy)}`);
  return `${caseName} ${run} ${label}: ${parts.join(', ')}`;
}

const percent = (share) => `${Math.round(share * 100)} %`;
