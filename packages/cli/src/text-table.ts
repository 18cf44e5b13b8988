import type { Style } from './style.js';
import { width } from './style.js';

/** Rows beneath a heading, each column as wide as its widest cell. Numbers go to the right: their columns end in `>`. */
export function textTable(
  style: Style,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const titles = heading.map((title) => title.replace(/>$/, ''));
  const widths = titles.map((title, column) =>
    rows.reduce((widest, row) => Math.max(widest, width(row[column] ?? '')), width(title)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const gap = ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell)));
        return heading[column]?.endsWith('>') ? gap + cell : cell + gap;
      })
      .join('  ')
      .trimEnd();
  return [line(titles.map((title) => style.dim(title))), ...rows.map(line)]
    .map((each) => `${each}\n`)
    .join('');
}
