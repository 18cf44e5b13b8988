/**
 * The live picture, as lines: pure, so that a test can look at it. What does not fit is left out from the least
 * telling on: the commands, then airports one by one.
 *
 *      head · flow · count · shards · airports · what was picked up · invitation · commands
 */

import type { Style } from '../style.js';
import { fit, width } from '../style.js';
import { bar, clockFace, counted, grouped, percent, signed, span, sparkline } from './figures.js';
import { lateMinutesMin } from './statistics.js';
import type { PickedUp, ShardView, View } from './view.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Wider than this, the eye has too far to go. */
const columnsMax = 104;
const airportsMax = 12;
const airportsMin = 3;
const shardsMax = 8;

/** At most `size.rows` − 1 lines of at most `size.columns` characters: the cursor stands in the last row. */
export function picture(
  view: View,
  size: Size,
  style: Style,
  commands: readonly string[],
): readonly string[] {
  const columns = Math.min(size.columns, columnsMax);
  const rows = size.rows - 1;
  const above = [
    ...head(view, columns, style),
    '',
    ...flow(view, columns, style),
    '',
    countLine(view, style),
    '',
  ];
  const shards = [...shardLines(view, columns, style), ''];
  const below = ['', ...closing(view, columns, style)];
  const room = rows - above.length - shards.length - below.length - 1;
  const airports = airportLines(view, Math.min(airportsMax, Math.max(airportsMin, room)), columns, style);
  const lines = [...above, ...shards, ...airports, ...below];
  if (commands.every((line) => width(line) < columns) && lines.length + commands.length + 1 <= rows) {
    lines.push('', ...commands);
  }
  return lines.slice(0, rows).map((line) => fit(line === '' ? '' : ` ${line}`, size.columns));
}

function head(view: View, columns: number, style: Style): string[] {
  const title = `${style.bold('MILLRACE')} ${style.dim('│')} ${counted(view.passEvents, 'flight')} a pass into stream ${style.bold(view.streamName)}`;
  const facts = [
    `up ${clockFace(view.upMs)}`,
    `pid ${view.processId}`,
    `data in ${view.dataPath}`,
    `run ${grouped(view.runs)}`,
  ];
  if (view.crashes > 0)
    facts.push(`${grouped(view.crashes)} ${view.crashes === 1 ? 'crash' : 'crashes'} survived`);
  return [apart(title, style.accent(view.endpoint), columns - 2), style.dim(facts.join(' · '))];
}

/** `left` and `right` at the ends of a line; `left` alone when both do not fit. */
function apart(left: string, right: string, columns: number): string {
  const gap = columns - width(left) - width(right);
  return gap < 2 ? fit(left, columns) : left + ' '.repeat(gap) + right;
}

function flow(view: View, columns: number, style: Style): string[] {
  const graph = Math.max(10, Math.min(60, columns - 50));
  const line = (name: string, rate: number, history: readonly number[], hue: number, after: string): string =>
    `${name.padEnd(4)}${style.bold(grouped(rate).padStart(8))}/s  ${style.hue(hue, sparkline(history, graph))}  ${after}`;
  const lag = `lag ${counted(view.lagEvents, 'event')} · ${span(view.lagMs)}`;
  return [
    line('in', view.inPerSecond, view.inHistory, 0, ''),
    line(
      'out',
      view.outPerSecond,
      view.outHistory,
      3,
      view.lagEvents > view.inPerSecond + 1_000 ? style.bad(lag) : lag,
    ),
  ];
}

function countLine(view: View, style: Style): string {
  const pass = Math.floor(Math.max(0, view.events - 1) / view.passEvents) + 1;
  return [
    `${style.bold(grouped(view.events))} counted once`,
    `pass ${grouped(pass)}`,
    view.lost === 0 ? style.good('0 lost') : style.bad(`${grouped(view.lost)} LOST`),
    `${counted(view.duplicates, 'duplicate')} dropped`,
    ...(view.foreign > 0 ? [style.accent(`${grouped(view.foreign)} foreign`)] : []),
  ].join(' · ');
}

function shardLines(view: View, columns: number, style: Style): string[] {
  const most = Math.max(...view.shards.map(({ share }) => share), 0.01);
  const shown = view.shards.slice(0, shardsMax);
  const barColumns = Math.max(8, columns - 50);
  const line = (shard: ShardView, i: number): string => {
    const drawn = bar(shard.share / most, barColumns).padEnd(barColumns);
    return `${shortId(shard.id).padEnd(9)}${style.hue(i, drawn)} ${percent(shard.share).padStart(5)} ${grouped(shard.perSecond).padStart(9)}/s ${grouped(shard.events).padStart(12)}`;
  };
  const title = `${'shard'.padEnd(9)}${'share of the flow'.padEnd(barColumns)} ${''.padStart(5)} ${'events'.padStart(9)}   ${'in all'.padStart(12)}`;
  const more = view.shards.length - shown.length;
  return [
    style.dim(title),
    ...shown.map(line),
    ...(more > 0 ? [style.dim(`and ${counted(more, 'shard')} more`)] : []),
  ];
}

/** `shardId-000000000012` → `12`. */
function shortId(id: string): string {
  return id.replace(/^shardId-0*(?=[0-9])/, '');
}

function airportLines(view: View, max: number, columns: number, style: Style): string[] {
  const shown = view.airports.slice(0, max);
  const most = Math.max(...shown.map(([, { flights }]) => flights), 1);
  const barColumns = Math.max(8, columns - 50);
  const title = `${'airport'.padEnd(9)}${`departures, the busiest of ${grouped(view.airportCount)}`.padEnd(barColumns)} ${'flights'.padStart(11)} ${'mean delay'.padStart(12)} ${`≥ ${lateMinutesMin} min`.padStart(8)}`;
  return [
    style.dim(title),
    ...shown.map(([code, { flights, delayMinutes, late }]) => {
      const drawn = bar(flights / most, barColumns).padEnd(barColumns);
      const mean = `${signed(delayMinutes / flights)} min`.padStart(12);
      return `${code.padEnd(9)}${style.dim(drawn)} ${grouped(flights).padStart(11)} ${mean} ${percent(late / flights).padStart(8)}`;
    }),
  ];
}

function closing(view: View, columns: number, style: Style): string[] {
  const kill = style.bold(`kill -9 ${view.processId}`);
  return [
    stateLine(view, columns, style),
    `${kill} and start again: I will count. ${style.dim('Ctrl-C stops and sums up.')}`,
  ];
}

function stateLine(view: View, columns: number, style: Style): string {
  if (view.trouble !== undefined) return style.bad(`Waiting: ${view.trouble}`);
  if (view.catchingUp) return style.accent('Reading what the last run left in the stream …');
  if (view.pickedUp === undefined) return 'Counting from event 1.';
  const said = pickedUpWords(view.pickedUp);
  const words = width(said) < columns ? said : pickedUpWords(view.pickedUp, true);
  return view.pickedUp.lost > 0 ? style.bad(words) : style.good(words);
}

/** What became of the last run, in a sentence; `brief` for a narrow place. */
export function pickedUpWords(pickedUp: PickedUp, brief = false): string {
  const { afterCrash, events, held, lost, expired, duplicates } = pickedUp;
  const at = brief ? `at ${grouped(events + 1)}` : `at event ${grouped(events + 1)}`;
  const how = afterCrash ? 'a crash' : 'a stop in order';
  const stake = brief ? grouped(held) : `${grouped(held)} events at stake`;
  const kept = held === 0 ? `${grouped(lost)} lost` : `${grouped(lost)} of ${stake} lost`;
  const old = expired === 0 ? '' : `, ${grouped(expired)} expired and put again`;
  return `Picked up ${at} after ${how}: ${kept}${old}, ${counted(duplicates, 'duplicate')} dropped.`;
}
