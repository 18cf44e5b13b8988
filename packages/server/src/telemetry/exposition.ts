/**
 * Metrics as Prometheus reads them, text format 0.0.4:
 *
 *      # HELP name help
 *      # TYPE name counter | gauge | histogram
 *      name{label="value",…} number
 */

interface Sample {
  readonly labels?: { readonly [name: string]: string };
  readonly value: number;
}

export type Family =
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'counter' | 'gauge';
      readonly samples: readonly Sample[];
    }
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'histogram';
      readonly samples: readonly HistogramSample[];
    };

interface HistogramSample {
  readonly labels?: { readonly [name: string]: string };
  /** Upper bounds, rising; there is one more count than bounds, for what is above them all. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** Prints the families that have samples. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(printed)
    .join('');
}

/** One number, without labels. */
export function single(type: 'counter' | 'gauge', name: string, help: string, value: number): Family {
  return { name, help, type, samples: [{ value }] };
}

function printed(family: Family): string {
  const { name, help, type } = family;
  const lines = [`# HELP ${name} ${escaped(help, false)}`, `# TYPE ${name} ${type}`];
  if (family.type === 'histogram')
    for (const sample of family.samples) lines.push(...histogram(name, sample));
  else for (const { labels, value } of family.samples) lines.push(line(name, labels, value));
  return `${lines.join('\n')}\n`;
}

/** Buckets count what is at or below their bound, those beneath them included. */
function histogram(name: string, { labels, bounds, counts, sum }: HistogramSample): readonly string[] {
  let total = 0;
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, i) => {
    total += counts[i] ?? 0;
    return line(`${name}_bucket`, { ...labels, le: number(bound) }, total);
  });
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, total)];
}

function line(name: string, labels: { readonly [name: string]: string } | undefined, value: number): string {
  const pairs = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${escaped(text, true)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}`;
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function escaped(text: string, quoted: boolean): string {
  const lines = text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return quoted ? lines.replace(/"/g, '\\"') : lines;
}
