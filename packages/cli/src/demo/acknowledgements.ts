/**
 * The producer's ledger: the numbers that the server has acknowledged since the last checkpoint, as text that is
 * only appended to, one line an answer.
 *
 *      ledger = *( first "-" last *( "," first "-" last ) LF )
 *
 * A line is written after the answer has come and before anybody is told. It is never synced: SIGKILL leaves what
 * was written, and if the machine itself falls, a forgotten acknowledgement only means that its events are put once
 * more. So it claims no more than the truth, and after a crash the server is held to every line.
 */

/** One line for `numbers`, which rise. */
export function encodeAcknowledged(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const first = numbers[i];
    while (numbers[i + 1] === (numbers[i] ?? 0) + 1) i++;
    ranges.push(`${first}-${numbers[i]}`);
  }
  return `${ranges.join(',')}\n`;
}

/** Every range in a ledger. A last line without its end was cut off by a crash and says nothing. */
export function decodeAcknowledged(text: string): readonly (readonly [first: number, last: number])[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => line.split(','))
    .map((range) => {
      const [, first, last] = /^([1-9][0-9]{0,14})-([1-9][0-9]{0,14})$/.exec(range) ?? [];
      if (first === undefined || last === undefined || Number(last) < Number(first)) {
        throw new TypeError(`'${range}' is no range of numbers`);
      }
      return [Number(first), Number(last)] as const;
    });
}
