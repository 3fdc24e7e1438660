import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Move } from '../../spool/decide.ts';
import type { End, Job } from '../../spool/job.ts';
import { parseRequest, type Request } from '../../spool/request.ts';
import { type RescueOptions, rescue } from '../../spool/rescue.ts';
import { settle } from '../../spool/settle.ts';
import type { Spool } from '../../spool/spool.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { crashAtEveryStep } from '../support/breaking-disk.ts';
import { tempSpool } from '../support/spool.ts';
import { whereabouts } from '../support/whereabouts.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 15);
const SPAN = { startedAt: NOW - 1_000, finishedAt: NOW, runner: 'host-1' };
const error = { name: 'E', message: 'm' };

type Unfinished = Exclude<Move, { to: 'completed' }>;
const MOVES: { end: End; move: Unfinished; folder: string }[] = [
  {
    folder: 'retrying',
    end: { kind: 'failed', error, permanent: false, names: [] },
    move: { to: 'retrying', outcome: 'failed', runAt: NOW + 5_000, crashed: false },
  },
  {
    folder: 'failed',
    end: { kind: 'failed', error, permanent: true, names: [] },
    move: { to: 'failed', outcome: 'failed', why: 'the failure is permanent' },
  },
  { folder: 'cancelled', end: { kind: 'cancelled' }, move: { to: 'cancelled', outcome: 'cancelled' } },
  { folder: 'pending', end: { kind: 'snoozed', delayMs: 60_000 }, move: { to: 'pending', runAt: NOW + 60_000 } },
  { folder: 'pending', end: { kind: 'released' }, move: { to: 'pending' } },
  { folder: 'rejected', end: { kind: 'refused', reason: 'why' }, move: { to: 'rejected', reason: 'why' } },
];

const rescueOptions: RescueOptions = {
  now: NOW,
  random: () => 0,
  endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } }),
  policyOf: () => aPolicy(),
};

/** A spool whose slot `host-1` holds a job. */
function claimed(t: TestContext, request: Partial<Request> = {}): { spool: Spool; job: Job } {
  const spool = tempSpool(t);
  const job = aJob({ id: 'a', runAt: NOW - 5_000, request });
  spool.disk.makeFolder(spool.slot('host-1'));
  fs.writeFileSync(spool.claimed('host-1', job.name), JSON.stringify(job.request));
  return { spool, job };
}

function requestIn(spool: Spool, folder: 'retrying' | 'failed' | 'cancelled' | 'pending'): Request {
  const [name] = fs.readdirSync(spool[folder]);
  const parsed = parseRequest(fs.readFileSync(path.join(spool[folder], name ?? assert.fail(`${folder} is empty`)), 'utf8'));
  return parsed.ok ? parsed.request : assert.fail(parsed.reason);
}

test('each end of an attempt takes the job to its folder, and to no other', (t) => {
  for (const { end, move, folder } of MOVES) {
    const { spool, job } = claimed(t);
    assert.ok(settle(spool, 'host-1', job, end, move, SPAN, NOW - 9_000));
    assert.deepEqual(whereabouts(spool, 'a'), [folder]);
    assert.deepEqual(fs.readdirSync(spool.tmp), []);
  }
});

test('the file of a job tells its whole story', (t) => {
  const { spool, job } = claimed(t, {
    attempts: [
      { number: 1, outcome: 'timed-out', startedAt: '2026-11-22T10:00:00.000Z', finishedAt: '2026-11-22T10:00:01.000Z', runner: 'x' },
    ],
    spent: 1,
  });
  const { end, move } = MOVES[0] as (typeof MOVES)[0];
  settle(spool, 'host-1', job, end, move, SPAN, NOW - 9_000);
  const request = requestIn(spool, 'retrying');
  assert.deepEqual(
    request.attempts?.map(({ number, outcome }) => [number, outcome]),
    [
      [1, 'timed-out'],
      [2, 'failed'],
    ],
  );
  assert.deepEqual(request.attempts?.[1], {
    number: 2,
    outcome: 'failed',
    startedAt: '2026-11-22T10:14:59.000Z',
    finishedAt: '2026-11-22T10:15:00.000Z',
    runner: 'host-1',
    error,
  });
  assert.equal(request.spent, 2);
  assert.equal(request.acceptedAt, '2026-11-22T10:14:51.000Z');
  assert.equal(request.runAt, '2026-11-22T10:14:55.000Z');
  assert.deepEqual(fs.readdirSync(spool.retrying), ['p5-20261122T101505.000Z-a.json']);
});

test('a job that failed or was cancelled has a whole new budget when it is moved back', (t) => {
  for (const { end, move, folder } of MOVES.filter(({ move: { to } }) => to === 'failed' || to === 'cancelled')) {
    const { spool, job } = claimed(t, { spent: 3, crashes: 2 });
    settle(spool, 'host-1', job, end, move, SPAN, NOW);
    const { spent, crashes, attempts } = requestIn(spool, folder as 'failed' | 'cancelled');
    assert.deepEqual({ spent, crashes, attempts: attempts?.length }, { spent: undefined, crashes: undefined, attempts: 1 });
  }
});

test('putting a job off or giving it back spends no attempt', (t) => {
  for (const { end, move } of MOVES.filter(({ move: { to } }) => to === 'pending')) {
    const { spool, job } = claimed(t, { spent: 1 });
    settle(spool, 'host-1', job, end, move, SPAN, NOW);
    const { spent, attempts = [] } = requestIn(spool, 'pending');
    assert.deepEqual({ spent, attempts }, { spent: 1, attempts: [] });
  }
});

test('the outcome of a slot that was rescued meanwhile is discarded', (t) => {
  for (const { end, move } of MOVES) {
    const { spool, job } = claimed(t);
    rescue(spool, 'host-1', 'own', rescueOptions);
    const before = whereabouts(spool, 'a');
    assert.equal(settle(spool, 'host-1', job, end, move, SPAN, NOW), undefined);
    assert.deepEqual(whereabouts(spool, 'a'), before);
  }
});

for (const { end, move, folder } of MOVES) {
  test(`a crash at any step of settling a job as ${end.kind} leaves it in one place, and one outcome is recorded`, async (t) => {
    await crashAtEveryStep(
      () => claimed(t),
      ({ spool, job }, disk) => settle({ ...spool, disk }, 'host-1', job, end, move, SPAN, NOW),
      ({ spool }, step) => {
        rescue(spool, 'host-1', 'own', rescueOptions);
        const places = whereabouts(spool, 'a');
        assert.equal(places.length, 1, `after a crash before step ${step} it is in ${places.join(' and ') || 'no place'}`);
        assert.ok([folder, 'retrying'].includes(places[0] as string), `before step ${step}: ${places[0]}`);
        assert.deepEqual(fs.readdirSync(spool.running), []);
      },
    );
  });
}

test('a crash at any step of a rescue leaves the job to the next rescuer, in one place', async (t) => {
  const steps = await crashAtEveryStep(
    () => claimed(t),
    ({ spool }, disk) => rescue({ ...spool, disk }, 'host-1', 'own', rescueOptions),
    ({ spool }, step) => {
      for (const dead of ['host-1', 'own']) rescue(spool, dead, `next-${dead}`, rescueOptions);
      assert.deepEqual(whereabouts(spool, 'a'), ['retrying'], `before step ${step}`);
      assert.equal(requestIn(spool, 'retrying').attempts?.length, 1);
      assert.deepEqual(fs.readdirSync(spool.running), []);
    },
  );
  assert.ok(steps > 4);
});

test('of two rescuers one wins, and the other changes nothing', (t) => {
  const { spool } = claimed(t);
  assert.equal(rescue(spool, 'host-1', 'one', rescueOptions).length, 1);
  assert.deepEqual(rescue(spool, 'host-1', 'two', rescueOptions), []);
  assert.deepEqual(whereabouts(spool, 'a'), ['retrying']);
});

test('a job whose file was spoilt while its runner died is rejected with the reason', (t) => {
  const { spool, job } = claimed(t);
  fs.writeFileSync(spool.claimed('host-1', job.name), 'not json');
  rescue(spool, 'host-1', 'own', rescueOptions);
  assert.deepEqual(whereabouts(spool, 'a'), ['rejected']);
});
