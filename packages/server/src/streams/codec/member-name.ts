/**
 * The members of a put that matter, told apart by their bytes: no string is made of a name.
 */
const names = [
  'Data',
  'DryRun',
  'Records',
  'StreamId',
  'StreamARN',
  'StreamName',
  'PartitionKey',
  'ExplicitHashKey',
  'SequenceNumberForOrdering',
] as const;

export type PutMember = (typeof names)[number];

/** Which object's members are being read. */
export type Level = 'put-records' | 'put-record' | 'entry';

const entryMembers: readonly PutMember[] = ['Data', 'PartitionKey', 'ExplicitHashKey'];
const streamMembers: readonly PutMember[] = ['StreamName', 'StreamARN', 'StreamId', 'DryRun'];

/** What the model declares on each level. */
const declared: { readonly [level in Level]: readonly PutMember[] } = {
  entry: entryMembers,
  'put-record': [...entryMembers, 'SequenceNumberForOrdering', ...streamMembers],
  'put-records': ['Records', ...streamMembers],
};

interface Spelling {
  readonly name: PutMember;
  readonly bytes: Buffer;
}

const spellings: { readonly [level in Level]: readonly Spelling[] } = {
  entry: spellingsOf('entry'),
  'put-record': spellingsOf('put-record'),
  'put-records': spellingsOf('put-records'),
};

function spellingsOf(level: Level): readonly Spelling[] {
  return declared[level].map((name) => ({ name, bytes: Buffer.from(name) }));
}

/** The member of `level` whose name is `bytes[start .. end)`; undefined when there is none of that name. */
export function putMember(bytes: Buffer, start: number, end: number, level: Level): PutMember | undefined {
  for (const spelling of spellings[level]) {
    if (spelling.bytes.length === end - start && spells(bytes, start, spelling.bytes)) return spelling.name;
  }
  return undefined;
}

/** Whether the bytes from `start` on spell `word`. */
export function spells(bytes: Buffer, start: number, word: Buffer): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word[at]) return false;
  return true;
}
