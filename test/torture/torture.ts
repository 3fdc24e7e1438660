/** `npm run torture`: tries to break the promises of DESIGN 1 by real processes, real kills and real load, and gives a verdict. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { manyDispatchers } from './many-dispatchers.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { fireTable, manyTable, soakTable } from './report.ts';
import { soak } from './soak.ts';
import { underFire } from './under-fire.ts';
import type { Verdict } from './verdict.ts';

const SOAK_FROM_MS = 6 * 60_000;

const options = optionsOrUsage();
const dir = options.dir ?? fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'jobspool-torture-'));
fs.mkdirSync(dir, { recursive: true });
console.error(`${options.scenario}, --seed ${options.seed}, in ${dir}`);
// Everything that was started is ended at our exit.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(130));
const isGood = await run();
if (isGood && options.dir === undefined) fs.rmSync(dir, { recursive: true, maxRetries: 10 });
else console.error(`kept for a look: ${dir} (journal.ndjson says what was done when)`);
process.exit(isGood ? 0 : 1);

async function run(): Promise<boolean> {
  const wholeMs = options.minutes * 60_000;
  if (options.scenario === 'dispatchers') return show(await manyDispatchers({ ...options, dir, kills: 12, timeoutMs: 900_000 }), manyTable);
  if (options.scenario === 'soak') return soakFor(wholeMs, dir);
  // Of a long run the last third is a soak.
  const soakMs = wholeMs >= SOAK_FROM_MS ? wholeMs / 3 : 0;
  const withstood = show(await underFire({ ...options, dir, forMs: wholeMs - soakMs, producers: 3, drainMs: 180_000 }), fireTable);
  return soakMs === 0 ? withstood : (await soakFor(soakMs, path.join(dir, 'soak'))) && withstood;
}

async function soakFor(forMs: number, folder: string): Promise<boolean> {
  const sampleMs = Math.min(60_000, forMs / 30);
  return show(await soak({ ...options, dir: folder, forMs, sampleMs, keep: '60s', producers: 3, drainMs: 180_000 }), soakTable);
}

function show<R extends { verdict: Verdict }>(report: R, table: (report: R) => string): boolean {
  console.log(options.json ? JSON.stringify(report) : table(report));
  return report.verdict.problems.length === 0;
}

function optionsOrUsage(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}
