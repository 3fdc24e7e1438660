/**
 * Random histories of a spool, each compared with the model after every step. By hand, for longer runs and to repeat one:
 *
 *     TMPDIR=/dev/shm JOBSPOOL_RUNS=5000 node --test test/model/model.test.ts
 *     JOBSPOOL_SEED=<seed> JOBSPOOL_RUNS=<runs> node --test test/model/model.test.ts
 *
 * A failure is shrunk to a short history; that may take minutes, and JOBSPOOL_SHRINK=no leaves it out.
 */
import fs from 'node:fs';
import path from 'node:path';
import { mock, test } from 'node:test';
import fc from 'fast-check';
import { tempFolder } from '../support/spool.ts';
import { batchCommands } from './batch-commands.ts';
import { commands, startRunner } from './commands.ts';
import { compareAll } from './compare.ts';
import { Model } from './model.ts';
import { START } from './step.ts';
import { World } from './world.ts';

const { JOBSPOOL_RUNS, JOBSPOOL_SEED } = process.env;
const RUNS = Number(JOBSPOOL_RUNS ?? 54);
// The same histories each time where nobody asked for more: what is found by chance is found by hand, and not by who changed something else.
const SEED = Number(JOBSPOOL_SEED ?? (JOBSPOOL_RUNS === undefined ? 20_261_122 : process.hrtime.bigint() % 2_147_483_647n));

test('a spool is what its documents say, whatever people, runners and crashes do to it in whatever order', async (t) => {
  t.diagnostic(`JOBSPOOL_SEED=${SEED} JOBSPOOL_RUNS=${RUNS} repeats this run`);
  const folder = tempFolder(t);
  mock.timers.enable({ apis: ['Date'], now: START });
  t.after(() => mock.timers.reset());
  const steps = new Map<string, number>();
  let count = 0;
  const property = fc.asyncProperty(fc.commands([...commands, ...batchCommands], { maxCommands: 80, size: 'max' }), async (history) => {
    count += 1;
    mock.timers.setTime(START);
    const home = path.join(folder, String(count));
    fs.mkdirSync(home);
    const world = new World(home, (ms) => mock.timers.setTime(ms));
    const model = new Model();
    model.now = START;
    for (let runners = 0; runners < 2; runners++) startRunner(model, world);
    try {
      await fc.asyncModelRun(() => ({ model, real: world }), history);
      await compareAll(model, world);
      for (const [kind, times] of model.steps) steps.set(kind, (steps.get(kind) ?? 0) + times);
    } finally {
      await world.close();
      fs.rmSync(home, { recursive: true });
    }
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: process.env.JOBSPOOL_SHRINK === 'no' });
  const kinds = [...steps].sort(([, a], [, b]) => b - a);
  t.diagnostic(
    `${count} histories of ${kinds.reduce((sum, [, times]) => sum + times, 0)} steps: ${kinds.map((one) => one.join(' ')).join(', ')}`,
  );
});
