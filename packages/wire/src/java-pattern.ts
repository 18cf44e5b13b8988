/**
 * The models' patterns, which are Java's, as JavaScript's: compiled once, matched against the whole value, and never
 * for long. A pattern with one open-ended quantifier is matched in linear time; one with several (the ARNs:
 * `arn:aws.*:kinesis:.*:\d{12}:stream/\S+`) may backtrack polynomially, so it is only tried on values of up to
 * `backtrackingCharsMax`. A longer value counts as matching: the model bounds all of these at 2,048 characters, so
 * that it is refused for its length anyway.
 */
const backtrackingCharsMax = 2048;

interface CompiledPattern {
  readonly expression: RegExp;
  readonly charsMax: number;
}

/** Grows only with the number of patterns that shapes declare. */
const compiled = new Map<string, CompiledPattern>();

/** Whether the whole of `value` matches `pattern`, in Java's syntax. */
export function matchesPattern(pattern: string, value: string): boolean {
  let known = compiled.get(pattern);
  if (known === undefined) {
    known = compile(pattern);
    compiled.set(pattern, known);
  }
  return value.length > known.charsMax || known.expression.test(value);
}

function compile(pattern: string): CompiledPattern {
  const source = pattern
    // Java's \s and \S are ASCII's; JavaScript's take in all of Unicode's spaces.
    .replaceAll('\\S', '[^ \\t\\n\\v\\f\\r]')
    .replaceAll('\\s', '[ \\t\\n\\v\\f\\r]')
    // `{n}+` is possessive; greedy ones match the same in every pattern of the models.
    .replaceAll('}+', '}');
  const outsideClasses = pattern.replaceAll(/\\.|\[(?:\\.|[^\]])*\]/g, 'x');
  const openEnded = outsideClasses.match(/[*+]|\{\d+,\}/g)?.length ?? 0;
  return {
    // Classes of Unicode need the flag; without them it would only forbid escapes that Java allows.
    expression: new RegExp(`^(?:${source})$`, source.includes('\\p{') ? 'u' : ''),
    charsMax: openEnded > 1 ? backtrackingCharsMax : Number.POSITIVE_INFINITY,
  };
}
