import type { Clock } from '@millrace/base';

/**
 * What the server tells about itself. Fields are plain values chosen by the caller; no header, no record data and
 * nothing secret is ever among them.
 */
export interface Logger {
  /** Whether debug lines go anywhere: a caller on the hot path asks before it gathers fields. */
  readonly debugs: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = { readonly [name: string]: string | number | boolean | undefined };

const levels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof levels)[number];

export const silentLogger: Logger = {
  debugs: false,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** One JSON object a line: `{"time":"…Z","level":"info","message":"…",…fields}`. */
export function jsonLogger(write: (line: string) => void, clock: Clock, least: LogLevel = 'info'): Logger {
  return levelled(least, (level, message, fields) => {
    write(`${JSON.stringify({ time: new Date(clock.now()).toISOString(), level, message, ...fields })}\n`);
  });
}

/** One line for a person: `12:00:00.000 info message  field=value`. */
export function textLogger(write: (line: string) => void, clock: Clock, least: LogLevel = 'info'): Logger {
  return levelled(least, (level, message, fields) => {
    const told = Object.entries(fields ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${typeof value === 'string' ? JSON.stringify(value) : value}`);
    write(`${new Date(clock.now()).toISOString().slice(11, 23)} ${level} ${message}${told.join('')}\n`);
  });
}

/** The fields that tell of a failure: its name, its sentence, its stack, and the same of its causes, in one line. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) };
  const stacks: string[] = [];
  const causesMax = 5;
  for (let each: unknown = error; each instanceof Error && stacks.length < causesMax; each = each.cause) {
    stacks.push(each.stack ?? `${each.name}: ${each.message}`);
  }
  return { error: `${error.name}: ${error.message}`, stack: stacks.join('\ncaused by ') };
}

function levelled(
  least: LogLevel,
  write: (level: LogLevel, message: string, fields: LogFields | undefined) => void,
): Logger {
  const at = (level: LogLevel): Logger['info'] =>
    levels.indexOf(level) < levels.indexOf(least)
      ? () => undefined
      : (message, fields) => write(level, message, fields);
  return {
    debugs: least === 'debug',
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}
