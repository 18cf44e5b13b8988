import { enumeration, required, structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { accountSettings, describedSettings } from './account-settings.js';

const input = structure('UpdateAccountSettingsInput', {
  MinimumThroughputBillingCommitment: required(
    structure('MinimumThroughputBillingCommitmentInput', {
      Status: required(enumeration('ENABLED', 'DISABLED')),
    }),
  ),
});
const output = accountSettings('UpdateAccountSettingsOutput');

export const updateAccountSettings = operation<Streams, typeof input, typeof output>({
  name: 'UpdateAccountSettings',
  input,
  output,
  errors: [errors.invalidArgument, errors.validation, errors.limitExceeded],
  async handle(streams, request, context) {
    const { account, region } = context;
    const commitment = request.MinimumThroughputBillingCommitment.Status;
    await streams.change({ type: 'account', account, region, commitment });
    return describedSettings(streams, context);
  },
});
