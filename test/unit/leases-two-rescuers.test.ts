/** Two rescuers take over the same dead slot: each of its jobs is settled once, at whatever moment the second one comes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type Disk, disk } from '../../spool/disk.ts';
import { jobFileName } from '../../spool/filename.ts';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import { type Rescued, rescue } from '../../spool/rescue.ts';
import type { Spool } from '../../spool/spool.ts';
import { putRunning } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';
import { whereabouts } from '../support/whereabouts.ts';

const DEAD = 'host-1';
const JOBS = ['a', 'b', 'c'];
const BOUND = 'bound';
/** The calls of the disk that change something or tell what is there. */
type Calls = Record<string, (...args: unknown[]) => unknown>;

function plant(t: TestContext): Spool {
  const spool = tempSpool(t);
  for (const id of JOBS) putRunning(spool, DEAD, { id, request: { retries: 3 } });
  const name = jobFileName({ id: BOUND, priority: 5, runAt: 0 });
  fs.writeFileSync(spool.claimed(DEAD, `.failed=${name}`), JSON.stringify({ class: 'Example', attempts: [] }));
  fs.mkdirSync(spool.lock(DEAD));
  fs.writeFileSync(spool.output(DEAD), 'last words');
  return spool;
}

const rescueBy = (spool: Spool, own: string): Rescued[] =>
  rescue(spool, DEAD, own, {
    now: Date.now(),
    random: () => 0,
    endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'dead' } }),
    policyOf: () => DEFAULT_POLICY,
  });

/** The spool on a disk that does `act` before its call number `at`; `calls()` tells how many there were. */
function interrupted(spool: Spool, at: number, act: () => void): { spool: Spool; calls(): number } {
  let calls = 0;
  const before =
    (call: (...args: unknown[]) => unknown) =>
    (...args: unknown[]) => {
      calls += 1;
      if (calls === at) act();
      return call(...args);
    };
  const slow = Object.fromEntries(Object.entries(disk as unknown as Calls).map(([name, call]) => [name, before(call)]));
  return { spool: { ...spool, disk: slow as unknown as Disk }, calls: () => calls };
}

function check(spool: Spool, rescued: Rescued[], when: string): void {
  assert.deepEqual(rescued.map(({ job }) => job.id).sort(), JOBS, when);
  for (const id of JOBS) {
    assert.deepEqual(whereabouts(spool, id), ['retrying'], `${id} ${when}`);
    const [name = ''] = fs.readdirSync(spool.retrying).filter((file) => file.endsWith(`-${id}.json`));
    assert.equal(JSON.parse(fs.readFileSync(`${spool.retrying}/${name}`, 'utf8')).attempts.length, 1, `${id} ${when}`);
  }
  assert.deepEqual(whereabouts(spool, BOUND), ['failed'], when);
  assert.deepEqual(fs.readdirSync(spool.running), [], when);
  assert.deepEqual(fs.readdirSync(spool.rejected), [], when);
}

test('a second rescuer that comes at any step of the first settles nothing twice, and nothing is left', (t) => {
  let steps = 0;
  for (let at = 1; ; at++) {
    const spool = plant(t);
    const second: Rescued[] = [];
    const first = interrupted(spool, at, () => second.push(...rescueBy(spool, 'host-3')));
    const rescued = rescueBy(first.spool, 'host-2');
    if (first.calls() < at) break;
    steps += 1;
    check(spool, [...rescued, ...second], `when the second comes before call ${at}`);
  }
  assert.ok(steps > 30, `${steps} steps`);
  t.diagnostic(`${steps} moments`);
});
