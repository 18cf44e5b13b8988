/**
 * Loaded before a server with `--import`: counts the calls of fdatasync that reach the system, and answers each
 * message of the parent with how many have returned and whether two were ever under way at once.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const real = fs.fdatasync;
let returned = 0;
let underWay = 0;
let most = 0;

const counted = (descriptor: number, done: fs.NoParamCallback): void => {
  underWay++;
  most = Math.max(most, underWay);
  real(descriptor, (error) => {
    underWay--;
    returned++;
    done(error);
  });
};
Object.assign(fs, { fdatasync: Object.assign(counted, { __promisify__: real.__promisify__ }) });

syncBuiltinESMExports();

process.on('message', () => process.send?.({ returned, most }));
process.channel?.unref();
