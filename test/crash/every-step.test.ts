/** Whatever a process is doing when it dies, and wherever in it: nothing is lost, and the next one brings it to its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTS, type Act, type World, worldOf } from '../support/acts.ts';
import { type Break, type Call, withBreak } from '../support/breaking-calls.ts';
import { brokenPromises, leftBehind, stillLive } from '../support/invariants.ts';
import { runToEnd } from '../support/run-to-end.ts';

for (const act of ACTS) {
  test(`a crash at any step loses nothing: ${act.name}`, async (t) => {
    const calls = await whole(act);
    const breaks = [...calls.flatMap(breaksAt), { kind: 'crash', at: calls.length, when: 'after' } as const];
    for (const what of breaks) await crashed(act, what, `${what.when} call ${what.at} of ${calls.length}, ${calls[what.at - 1]?.name}`);
    t.diagnostic(`${breaks.length} crashes`);
  });
}

type Crash = Break & { kind: 'crash' };

// A crash after a call is one before the next: nobody else is at work here, and what this process knew is lost with it. The last has no next.
function breaksAt({ name }: Call, index: number): Crash[] {
  const whens = ['before', ...(name === 'writeSync' ? (['within', 'almost'] as const) : [])] as const;
  return whens.map((when) => ({ kind: 'crash', at: index + 1, when }));
}

async function whole(act: Act): Promise<Call[]> {
  const { world, remove } = worldOf(act);
  try {
    const { calls, value, error } = await withBreak(() => act.act(world));
    assert.ifError(error);
    assert.ok(!act.untrue(world, value), `${act.untrue(world, value)}`);
    await endsWell(act, world, 'without a crash');
    return calls;
  } finally {
    remove();
  }
}

async function crashed(act: Act, what: Crash, where: string): Promise<void> {
  const { world, remove } = worldOf(act);
  try {
    const { crashed: hasCrashed } = await withBreak(() => act.act(world), what);
    assert.ok(hasCrashed, `${where}: it did not crash`);
    await endsWell(act, world, where);
  } finally {
    remove();
  }
}

async function endsWell({ tolerates }: Act, { spool, acknowledged, expendable }: World, where: string): Promise<void> {
  const kept = [...acknowledged].filter((id) => !expendable.has(id));
  assert.deepEqual(
    brokenPromises(spool, kept).filter((what) => !tolerates?.test(what)),
    [],
    `${where}, before anything else is done`,
  );
  await runToEnd(spool.root);
  assert.deepEqual([...brokenPromises(spool, kept), ...stillLive(spool), ...leftBehind(spool)], [], `${where}, in the end`);
}
