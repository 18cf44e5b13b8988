export { Millrace } from '@millrace/server';
