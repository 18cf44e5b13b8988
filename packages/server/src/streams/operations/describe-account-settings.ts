import { structure } from '@millrace/wire';
import { operation } from '../../dispatch/operation.js';
import * as errors from '../errors.js';
import type { Streams } from '../streams.js';
import { accountSettings, describedSettings } from './account-settings.js';

const input = structure('DescribeAccountSettingsInput', {});
const output = accountSettings('DescribeAccountSettingsOutput');

export const describeAccountSettings = operation<Streams, typeof input, typeof output>({
  name: 'DescribeAccountSettings',
  input,
  output,
  errors: [errors.limitExceeded],
  async handle(streams, _request, context) {
    return describedSettings(streams, context);
  },
});
