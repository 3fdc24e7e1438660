import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Offspring } from '../../spool/offspring.ts';
import { type Platform, type ProcessFacts, platform } from '../../spool/platform.ts';

const ENVIRONMENT = { SLOT: 'host-1' };
/** The runner is process 100, in a session of its own. */
const RUNNER = 100;

const facts = (pid: number, over: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid,
  parent: 1,
  group: pid,
  session: pid,
  start: `s${pid}`,
  ...over,
});

/** A machine with these processes, of which `marked` have the environment. What gets KILL is gone; `onSignal` may start others. */
function machine(
  list: ProcessFacts[],
  marked: number[] = [],
  onSignal: (pid: number, table: Map<number, ProcessFacts>) => void = () => undefined,
) {
  const table = new Map(list.map((one) => [one.pid, one]));
  const got: string[] = [];
  const fake: Platform = {
    ...platform,
    processes: () => [...table.values()],
    hasEnvironment: (pid) => marked.includes(pid),
    signal: (pid, signal) => {
      got.push(`${signal} ${pid}`);
      if (signal === 'SIGKILL') table.delete(pid);
      onSignal(pid, table);
      return true;
    },
  };
  return { table, got, offspring: new Offspring({ leader: RUNNER, environment: ENVIRONMENT }, fake) };
}

test('what a job started is found by its parent, its session, its group or its environment, and nobody else is', () => {
  const { offspring, got } = machine(
    [
      facts(RUNNER),
      facts(1, { parent: 0 }),
      // Listed before its parent.
      facts(101, { parent: 102 }),
      facts(102, { parent: RUNNER }),
      facts(103, { session: RUNNER }),
      facts(104, { group: RUNNER, session: 7 }),
      facts(105, { session: 103 }),
      facts(106),
      facts(107),
      facts(108, { parent: 107 }),
      facts(process.pid, { parent: RUNNER }),
    ],
    [106],
  );
  assert.equal(offspring.signal('SIGTERM'), 7, 'the leader among them');
  assert.deepEqual(got.map((one) => Number(one.split(' ')[1])).sort(), [100, 101, 102, 103, 104, 105, 106]);
});

test('who was found once stays known when its parent ends, and a process that has got its pid does not become known', () => {
  const { offspring, table, got } = machine([
    facts(RUNNER),
    facts(101, { parent: RUNNER }),
    facts(102, { parent: 101 }),
    facts(103, { parent: 101 }),
  ]);
  offspring.signal('SIGTERM');
  table.delete(101);
  table.set(102, facts(102, { parent: 1 }));
  table.set(103, facts(103, { parent: 1, start: 'later' }));
  got.length = 0;
  offspring.signal('SIGTERM');
  assert.deepEqual(got, ['SIGTERM 100', 'SIGTERM 102']);
});

test('a session whose leader is now another process is not taken for that of the job', () => {
  const { offspring, table, got } = machine([facts(RUNNER)]);
  table.set(RUNNER, facts(RUNNER, { start: 'later' }));
  table.set(101, facts(101, { session: RUNNER, parent: RUNNER }));
  offspring.signal('SIGTERM');
  assert.deepEqual(got, []);
});

test('what is started while the others are killed is killed too', () => {
  let next = 101;
  const { offspring, table } = machine([facts(RUNNER), facts(101, { parent: RUNNER })], [], (pid, processes) => {
    // Each leaves a child behind, in a session of its own, that was not there when it was listed.
    if (next < 140 && pid === next) {
      next += 1;
      processes.set(next, facts(next, { group: next, session: 101 }));
    }
  });
  offspring.kill();
  assert.deepEqual([...table.keys()], []);
});
