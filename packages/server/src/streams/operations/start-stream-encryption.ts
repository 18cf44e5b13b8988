import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { addressed, encryptionType, keyId } from './shapes.js';

/**
 * The key is kept and told of, as AWS tells of it; the bytes on disk are not encrypted with it (decision 0010). There is
 * no key store to ask, so no key is unknown or disabled.
 */
const input = structure('StartStreamEncryptionInput', {
  ...addressed,
  EncryptionType: required(encryptionType),
  KeyId: required(keyId),
});

export const startStreamEncryption = operation<Streams, typeof input, undefined>({
  name: 'StartStreamEncryption',
  input,
  output: undefined,
  errors: [...errors.ofChanges, ...errors.kmsErrors],
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'StartStreamEncryption');
    if (request.EncryptionType !== 'KMS') throw controlErrors.onlyKms();
    await streams.change({ type: 'encryption', ...nameOf(stream), change: 'start', keyId: request.KeyId });
  },
});
