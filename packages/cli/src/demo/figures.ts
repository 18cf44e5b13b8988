/** Numbers, spans of time and shares as people read them, and drawn in block characters. */

const blocks = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** 1234567 → `1,234,567`. */
export function grouped(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** One event, two events. */
export function counted(n: number, one: string): string {
  return `${grouped(n)} ${one}${n === 1 ? '' : 's'}`;
}

/** 3723000 → `1:02:03`. */
export function clockFace(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (n: number): string => String(n % 60).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`;
}

/** A span in the unit that fits: `4 ms`, `1.2 s`, `3 min`. */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Minutes with their sign: `+7.1`, `−0.4`. */
export function signed(minutes: number): string {
  const shown = Math.abs(minutes).toFixed(1);
  if (shown === '0.0') return '0.0';
  return `${minutes < 0 ? '−' : '+'}${shown}`;
}

/** A bar of `share` (0 to 1) of `columns`, to an eighth of a character. */
export function bar(share: number, columns: number): string {
  const parts = Math.round(Math.min(1, Math.max(0, share)) * columns * 8);
  return '█'.repeat(Math.floor(parts / 8)) + (eighths[parts % 8] ?? '');
}

/** One column a value, the highest of them full; the newest on the right. */
export function sparkline(values: readonly number[], columns: number): string {
  const shown = values.slice(-columns);
  const most = Math.max(...shown, 1);
  const drawn = shown.map((value) => blocks[Math.round((value / most) * (blocks.length - 1))] ?? '').join('');
  return ' '.repeat(columns - shown.length) + drawn;
}
