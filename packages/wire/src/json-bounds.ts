/**
 * Looks at JSON text before it is parsed: how deep it nests and how many values it may hold. `JSON.parse` has no
 * bounds of its own, and ten megabytes of `[` or `{},` would become hundreds of megabytes of objects.
 *
 * Only structure is looked at: strings are jumped over, and whether the text is JSON at all is for the parser.
 */
import { asBuffer } from '@millrace/base';

/** Jackson, which AWS reads JSON with, stops here by default. */
const depthMax = 1000;
/** Far above the largest request there is (500 records of four members). */
const valuesMax = 200_000;
/** A body this small can do no harm, and is not looked at. */
const harmlessBytes = 64 * 1024;

const quote = 0x22;
const backslash = 0x5c;

/** Whether `text` keeps both bounds. */
export function withinJsonBounds(text: Uint8Array): boolean {
  if (text.length <= harmlessBytes) return true;
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case quote:
        at = closingQuote(text, at + 1);
        if (at < 0) return true; // Not JSON: the parser will say so, having built no more than was counted.
        break;
      case 0x5b: // [
      case 0x7b: // {
        values++;
        if (++depth > depthMax) return false;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2c: // ,
        values++;
        break;
    }
    if (values > valuesMax) return false;
  }
  return true;
}

/** The index of the quote that ends the string whose contents begin at `start`; −1 when nothing ends it. */
function closingQuote(text: Uint8Array, start: number): number {
  const buffer = asBuffer(text);
  for (let from = start; ; ) {
    const at = buffer.indexOf(quote, from);
    if (at < 0) return -1;
    let escapes = 0;
    while (at - escapes > start && buffer[at - escapes - 1] === backslash) escapes++;
    if (escapes % 2 === 0) return at;
    from = at + 1;
  }
}
