/** More letters apart than this, and a guess at what was meant only confuses. */
const lettersApartMax = 3;

/** The one of `names` that `word` was most likely meant to be; undefined when none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestApart = Math.min(lettersApartMax, Math.ceil(word.length / 2)) + 1;
  for (const name of names) {
    const apart = name.startsWith(word) && word.length > 1 ? 1 : lettersApart(word, name);
    if (apart < bestApart) {
      best = name;
      bestApart = apart;
    }
  }
  return best;
}

/** How many letters must be added, dropped, changed or swapped with their neighbour to make `one` of `other`. */
export function lettersApart(one: string, other: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const at = (cells: readonly number[], cell: number): number => cells[cell] ?? Number.POSITIVE_INFINITY;
      const changed = at(previous, j - 1) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
          ? at(beforePrevious, j - 2) + 1
          : Number.POSITIVE_INFINITY;
      row.push(Math.min(changed, swapped, at(previous, j) + 1, at(row, j - 1) + 1));
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[other.length] ?? 0;
}
