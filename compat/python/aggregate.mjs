// Packs user records ([{partitionKey, explicitHashKey, data}] on stdin) with Millrace's encoder; base64 on stdout.
import { aggregate } from '../../packages/wire/dist/index.js';

let text = '';
for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
const records = JSON.parse(text).map((each) => ({ ...each, data: Buffer.from(each.data) }));
process.stdout.write(Buffer.from(aggregate(records)).toString('base64'));
