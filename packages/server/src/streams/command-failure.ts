import type { AwsError } from '@millrace/wire';
import type { CatalogError } from '../catalog/catalog-error.js';
import * as errors from './errors.js';

/** A command that the catalog could not take, as an answer. */
export function commandFailure(error: CatalogError): AwsError {
  switch (error.code) {
    case 'full':
    case 'poisoned':
    case 'unknown':
      return errors.storageFailure(error.code);
    case 'busy':
      return errors.tooManyCommands();
    case 'too-large':
      return errors.commandTooLarge(error.message);
    case 'closed':
      return errors.closing();
    case 'damaged':
    case 'newer':
      throw error;
  }
}
