/**
 * What may be a tag: Unicode letters, digits, white space and _ . : / = + - @ (AWS's document of TagResource), and no key
 * of AWS's own. Checked in AWS's order (kinesalite, against AWS).
 */
import * as controlErrors from './control-errors.js';
import type { Named } from './errors.js';

const characters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@%]*$/u;

/** Throws what AWS answers to tags that cannot be added. */
export function checkNewTags(stream: Named, tags: { readonly [key: string]: string }): void {
  checkCharacters(stream, [...Object.keys(tags), ...Object.values(tags)], 'add tags to');
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:')))
    throw controlErrors.tagReserved();
}

/** Throws what AWS answers to keys that cannot be any tag's. */
export function checkTagKeys(stream: Named, keys: readonly string[]): void {
  checkCharacters(stream, keys, 'remove tags from');
}

function checkCharacters(
  stream: Named,
  texts: readonly string[],
  verb: 'add tags to' | 'remove tags from',
): void {
  if (texts.some((text) => !characters.test(text))) throw controlErrors.tagCharactersInvalid();
  if (texts.some((text) => text.includes('%'))) throw controlErrors.tagCharactersIllegal(stream, verb);
}
