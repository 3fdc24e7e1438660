/** As `every-step`, with processes that really die: what the kernel keeps of them is all there is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { ACTS, type Act, worldOf } from '../support/acts.ts';
import { withBreak } from '../support/breaking-calls.ts';
import { brokenPromises, leftBehind, stillLive } from '../support/invariants.ts';
import { runToEnd } from '../support/run-to-end.ts';

const KILLED = [
  'submit one job with an id, durability full',
  'settle as completed, the first, durability full',
  'settle as failed, durability full',
  'rescue a runner that left a job, durability none',
  'rescue a runner that left a job that is recorded, durability none',
];

for (const name of KILLED) {
  test(`a process that is killed before any step loses nothing: ${name}`, async (t) => {
    const act = ACTS.find((one) => one.name === name) ?? assert.fail(`no act is called ${name}`);
    const steps = await stepsOf(act);
    for (let next = 0; next < steps.length; next += 2) await Promise.all(steps.slice(next, next + 2).map((at) => killed(act, at)));
    t.diagnostic(`${steps.length} kills`);
  });
}

/** The numbers of the calls that change something: before the others the disk is as after the last of these. */
async function stepsOf(act: Act): Promise<number[]> {
  const { world, remove } = worldOf(act);
  const { calls } = await withBreak(() => act.act(world));
  remove();
  return calls.flatMap(({ changes }, index) => (changes ? [index + 1] : []));
}

async function killed(act: Act, at: number): Promise<void> {
  const { world, remove } = worldOf(act);
  try {
    const lines = world.recording ? JSON.stringify(world.recording.lines) : '';
    const child = spawn(process.execPath, [CHILD, act.name, world.spool.root, String(at), lines], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: ENV,
    });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL', `at call ${at} it was not killed`);
    assert.deepEqual(brokenPromises(world.spool, world.acknowledged), [], `killed before call ${at}`);
    await runToEnd(world.spool.root);
    const wrong = [...brokenPromises(world.spool, world.acknowledged), ...stillLive(world.spool), ...leftBehind(world.spool)];
    assert.deepEqual(wrong, [], `killed before call ${at}, in the end`);
  } finally {
    remove();
  }
}

const CHILD = path.join(import.meta.dirname, '..', 'support', 'killed-at-call.ts');
const ENV = { ...process.env, NODE_COMPILE_CACHE: path.join(import.meta.dirname, '..', '..', '.compile-cache') };
