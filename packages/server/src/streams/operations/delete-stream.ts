import { boolean, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { addressed } from './shapes.js';

/** `EnforceConsumerDeletion` asks that registered consumers go with the stream; else they hold it back. */
const input = structure('DeleteStreamInput', { ...addressed, EnforceConsumerDeletion: boolean });

export const deleteStream = operation<Streams, typeof input, undefined>({
  name: 'DeleteStream',
  input,
  output: undefined,
  errors: [
    errors.resourceNotFound,
    errors.limitExceeded,
    errors.resourceInUse,
    errors.invalidArgument,
    errors.accessDenied,
  ],
  async handle(streams, request, context) {
    await streams.delete(
      streams.find(request, context, 'DeleteStream'),
      request.EnforceConsumerDeletion === true,
    );
  },
});
