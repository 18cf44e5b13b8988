import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import type { Caller } from '../address.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { addressed, encryptionType, keyId } from './shapes.js';

/**
 * What is put from then on is sealed (decision 0020). There is no KMS: a key is there as soon as it is named, in one
 * of the four forms of AWS's document of `KeyId`; what is none of them is refused as KMS refuses it.
 */
const input = structure('StartStreamEncryptionInput', {
  ...addressed,
  EncryptionType: required(encryptionType),
  KeyId: required(keyId),
});

/** `1234abcd-12ab-34cd-56ef-1234567890ab`, or that of a multi-region key. */
const keyForm = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;
/** KMS's document of CreateAlias. */
const aliasForm = /^alias\/[a-zA-Z0-9/_-]{1,250}$/;
const arnForm = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(key\/|)(.+)$/;

export const startStreamEncryption = operation<Streams, typeof input, undefined>({
  name: 'StartStreamEncryption',
  input,
  output: undefined,
  errors: [...errors.ofChanges, ...errors.kmsErrors],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'StartStreamEncryption');
    if (request.EncryptionType !== 'KMS') throw controlErrors.onlyKms();
    checkKeyId(request.KeyId, context);
    await streams.encrypt(nameOf(stream), request.KeyId);
  },
});

function checkKeyId(id: string, { region }: Caller): void {
  const [, regionOfArn = region, key = '', name = id] = arnForm.exec(id) ?? [];
  if (regionOfArn !== region) throw errors.keyOfOtherRegion(regionOfArn);
  const isKey = keyForm.test(name) && (name === id || key !== '');
  const isAlias = aliasForm.test(name) && key === '';
  if (!isKey && !isAlias) throw errors.keyIdInvalid(id);
}
