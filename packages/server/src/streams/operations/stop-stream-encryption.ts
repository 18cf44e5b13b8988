import { required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as controlErrors from '../control-errors.js';
import * as errors from '../errors.js';
import { nameOf, type Streams } from '../streams.js';
import { addressed, encryptionType, keyId } from './shapes.js';

const input = structure('StopStreamEncryptionInput', {
  ...addressed,
  EncryptionType: required(encryptionType),
  KeyId: required(keyId),
});

export const stopStreamEncryption = operation<Streams, typeof input, undefined>({
  name: 'StopStreamEncryption',
  input,
  output: undefined,
  errors: errors.ofChanges,
  async handle(streams, request, context) {
    const stream = streams.find(request, context, 'StopStreamEncryption');
    if (request.EncryptionType !== 'KMS') throw controlErrors.onlyKms();
    await streams.change({ type: 'encryption', ...nameOf(stream), change: 'stop', keyId: request.KeyId });
  },
});
