/** What a dispatcher must bear because others work on the same spool. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backlog } from '../../service/backlog.ts';
import { countAhead, MAX_BATCH, paceOf } from '../../service/propose.ts';
import { jobFileName } from '../../spool/filename.ts';

const NOW = Date.UTC(2026, 10, 22);
const names = ['a', 'b', 'c', 'd'].map((id) => jobFileName({ priority: 5, runAt: NOW - 1_000, id }));
const [a, b, c, d] = names as [string, string, string, string];

function backlogOf(all: string[]): Backlog {
  const backlog = new Backlog();
  for (const name of all) backlog.add(name, NOW);
  backlog.ripen(NOW);
  return backlog;
}

test('jobs that another dispatcher’s runners have taken are passed over, however many they are', () => {
  const backlog = backlogOf(names);
  assert.deepEqual(
    backlog.take(2, (name) => name === b || name === d),
    [b, d],
  );
  assert.deepEqual(
    backlog.take(2, () => true),
    [],
  );
});

test('the id of a job that was taken elsewhere stays known until it has been looked for among the running ones', () => {
  const backlog = backlogOf([a, b]);
  backlog.take(1, (name) => name === b);
  assert.equal(backlog.nameOf('a'), a);
  backlog.forgetGone();
  assert.equal(backlog.nameOf('a'), undefined);
  assert.equal(backlog.nameOf('b'), b, 'a job that was proposed stays known');
});

test('a job that came back before it was forgotten is kept', () => {
  const backlog = backlogOf([a]);
  backlog.take(1, () => false);
  backlog.add(a, NOW);
  backlog.forgetGone();
  assert.deepEqual(backlog.take(1), [a]);
});

test('proposals that came too late say nothing of how long jobs take: a batch of them would break the order of priorities', () => {
  const settled = [c, a, b].map((name) => ({ name, to: 'missing' as const }));
  assert.equal(paceOf(20, 0.5, settled), 20);
  assert.equal(paceOf(undefined, 0.5, settled), undefined);
  const pace = paceOf(undefined, 30.5, [...settled, { name: d, to: 'completed' as const }]);
  assert.equal(countAhead(pace as number, MAX_BATCH), 1, 'a job of 30 ms is proposed alone');
});
