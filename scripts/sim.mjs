// npm run sim: sets the checkout up, then runs the simulator; packages/sim/src/main.ts says which flags it takes.
import { runNode, setUp } from './setup.mjs';

await setUp();
process.exitCode = runNode(['packages/sim/dist/main.js', ...process.argv.slice(2)]);
