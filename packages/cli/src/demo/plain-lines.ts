/** The demonstration for logs and pipes: a line of figures every few seconds. */
import { clockFace, counted, grouped, percent, signed, span } from './figures.js';
import type { View } from './view.js';

const airportsMax = 3;

export function plainLine(view: View): string {
  const shards = view.shards.map(({ share }) => percent(share).replace(' ', '')).join(' ');
  const airports = view.airports
    .slice(0, airportsMax)
    .map(
      ([code, { flights, delayMinutes }]) =>
        `${code} ${grouped(flights)} (${signed(delayMinutes / flights)} min)`,
    )
    .join(', ');
  return [
    clockFace(view.upMs),
    `in ${grouped(view.inPerSecond)}/s out ${grouped(view.outPerSecond)}/s`,
    `lag ${counted(view.lagEvents, 'event')} ${span(view.lagMs)}`,
    `${grouped(view.events)} counted, ${grouped(view.lost)} lost, ${counted(view.duplicates, 'duplicate')} dropped`,
    ...(view.foreign > 0 ? [`${grouped(view.foreign)} foreign`] : []),
    `shards ${shards}`,
    airports,
    ...(view.trouble === undefined ? [] : [`waiting: ${view.trouble}`]),
  ]
    .filter((part) => part !== '')
    .join(' | ');
}
