/** Colour as a parameter: the same picture with or without it. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
  /** One of a few colours, by number: a shard keeps its own. */
  hue(n: number, text: string): string;
}

const same = (text: string): string => text;

export const plainStyle: Style = {
  bold: same,
  dim: same,
  good: same,
  bad: same,
  accent: same,
  hue: (_, text) => text,
};

const sgr =
  (on: string, off: string) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`;

const hues = ['36', '33', '35', '32', '34', '31'].map((code) => sgr(code, '39'));

export const colourStyle: Style = {
  bold: sgr('1', '22'),
  dim: sgr('2', '22'),
  good: sgr('32', '39'),
  bad: sgr('1;31', '22;39'),
  accent: sgr('36', '39'),
  hue: (n, text) => (hues[n % hues.length] ?? same)(text),
};

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** The characters that `text` takes on the screen. All that is drawn here is one column wide. */
export function width(text: string): number {
  return [...text.replace(escapes, '')].length;
}

/** `text` cut to `columns` characters, its colours kept and closed. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let left = columns - 1;
  let kept = '';
  let at = 0;
  for (const code of [...text.matchAll(escapes), undefined]) {
    const piece = [...text.slice(at, code?.index)];
    kept += piece.slice(0, Math.max(0, left)).join('');
    if (left >= 0 && piece.length > left) kept += '…';
    left -= piece.length;
    if (left < 0) left = -1;
    if (code === undefined) break;
    kept += code[0];
    at = code.index + code[0].length;
  }
  return kept;
}

/** Colours where a person looks on, and has not asked for none (https://no-color.org). */
export function styleOf(
  terminal: { readonly isTerminal: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): Style {
  const { NO_COLOR: noColour = '' } = environment;
  return terminal.isTerminal && noColour === '' ? colourStyle : plainStyle;
}
