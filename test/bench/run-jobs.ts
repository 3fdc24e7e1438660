import { now } from './clock.ts';
import type { Order, Produced, Session } from './contender.ts';
import { expectedRuns, notExactlyOnce } from './exactly-once.ts';
import { cpuSeconds, watchMemory } from './process-tree.ts';
import type { Bout, Figures } from './scenario.ts';
import { countRuns, type Run, readTally } from './tally.ts';
import { until } from './until.ts';

export type Plan = {
  how: Order['how'];
  /** The backlog is there before the first job runs. */
  isHeld?: boolean;
  concurrency?: number;
  workMs?: number;
  failEvery?: number;
  payloadBytes?: number;
  /** How many jobs run before; as many as are measured, and not more than `WARM_JOBS`, if nothing is said. */
  warmJobs?: number;
  /** All of them are due at this time, milliseconds since the epoch; asked for when the contender is up. */
  at?: () => number;
};

/** What happened: the runs in the order of time, and what the producer said. */
export type Ran = { runs: Run[]; produced: Produced };

/**
 * Runs jobs to their end, checks that each ran exactly once, and returns what `read` makes of it, with CPU time and peak memory of all processes. Throws when a
 * job is missing or doubled: that is no figure.
 */
export async function runJobs(bout: Bout, plan: Plan, read: (ran: Ran) => Figures): Promise<Figures> {
  const session = await bout.contender.open({ folder: bout.folder, tally: bout.tally, concurrency: plan.concurrency, workers: true });
  try {
    const warm = await warmUp(session, bout, plan);
    const order = orderOf(bout, plan);
    if (plan.isHeld) await session.hold();
    const early = plan.isHeld ? await session.produce(order) : undefined;
    if (plan.isHeld) await session.taken?.();
    const cpuBefore = cpuSeconds(session.pids());
    const memory = watchMemory(session.pids);
    if (plan.isHeld) await session.release();
    const produced = early ?? (await session.produce(order));
    const expected = { first: 0, count: bout.jobs, failEvery: order.failEvery };
    await allToRun(session, bout.tally, warm + expectedRuns(expected));
    const peakMb = memory.stop();
    const cpu = cpuSeconds(session.pids()) - cpuBefore;
    const runs = readTally(bout.tally).filter(({ number }) => number < WARM);
    const wrong = notExactlyOnce(runs, expected);
    if (wrong.length > 0) throw new Error(`not exactly once: ${wrong.join('; ')}`);
    return { ...read({ runs, produced }), cpuPer1000: (cpu / bout.jobs) * 1_000, peakMb };
  } finally {
    await session.close();
  }
}

/** Only submits, where nothing runs; the contender's own books must then have all of them. */
export async function onlySubmit(bout: Bout, plan: Pick<Plan, 'how' | 'payloadBytes'>): Promise<Figures> {
  const session = await bout.contender.open({ folder: bout.folder, tally: bout.tally, workers: false });
  try {
    // The first calls connect and compile.
    await session.produce({ ...orderOf(bout, plan), first: bout.jobs, count: 100 });
    const cpuBefore = cpuSeconds(session.pids());
    const memory = watchMemory(session.pids);
    const { startedAt, endedAt } = await session.produce(orderOf(bout, plan));
    const peakMb = memory.stop();
    const cpu = cpuSeconds(session.pids()) - cpuBefore;
    const kept = await session.left();
    if (kept !== bout.jobs + 100) throw new Error(`${bout.jobs + 100} jobs were acknowledged, ${kept} are there`);
    return { perSecond: bout.jobs / ((endedAt - startedAt) / 1_000), cpuPer1000: (cpu / bout.jobs) * 1_000, peakMb };
  } finally {
    await session.close();
  }
}

/** Jobs a second from the first run to the last. */
export function rateOf({ runs }: Ran): Figures {
  const [first, last] = ends(runs);
  return { perSecond: (runs.length - 1) / ((last - first) / 1_000) };
}

/** Times of the first run and the last. */
export const ends = (runs: readonly Run[]): [number, number] => [runs[0]?.at ?? Number.NaN, runs.at(-1)?.at ?? Number.NaN];

/** Numbers from here on are warm-up. */
const WARM = 1e9;
export const WARM_JOBS = 4_000;

// Handlers are loaded, connections are open, and V8 has compiled what runs often, in every process of every contender: a service runs for
// weeks, and what its first jobs cost is not what is measured here.
async function warmUp(
  session: Session,
  { contender, jobs, tally }: Bout,
  { how, warmJobs = Math.min(jobs, WARM_JOBS) }: Plan,
): Promise<number> {
  const count = (contender.share ?? 1) < 0.1 ? 2 : Math.max(2, warmJobs);
  const inFlight: Order['how'] = { kind: 'one-by-one', inFlight: 10 };
  for (const [first, kind] of [inFlight, how.kind === 'spaced' ? inFlight : how].entries()) {
    const half = first === 0 ? Math.ceil(count / 2) : Math.floor(count / 2);
    await session.produce({ first: WARM + first * count, count: half, workMs: 0, failEvery: 0, payloadBytes: 200, how: kind });
  }
  await allToRun(session, tally, count);
  return count;
}

function orderOf({ jobs }: Bout, { how, workMs = 0, failEvery = 0, payloadBytes = 200, at }: Partial<Plan> & Pick<Plan, 'how'>): Order {
  return { first: 0, count: jobs, workMs, failEvery, payloadBytes, how, at: at?.() };
}

async function allToRun(session: Session, tally: string, runs: number): Promise<void> {
  let [seen, since] = [0, now()];
  const isStuck = (count: number) => {
    if (count !== seen) [seen, since] = [count, now()];
    return now() - since > STUCK_MS;
  };
  await until(
    () => {
      const count = countRuns(tally);
      if (isStuck(count)) throw new Error(`no job ran for ${STUCK_MS} ms: ${count} of ${runs} runs were noted`);
      return count >= runs;
    },
    `${runs} runs`,
    { timeoutMs: 900_000, everyMs: 5 },
  );
  await until(async () => (await session.left()) === 0, 'the contender to say that all jobs are over', { everyMs: 50 });
}

const STUCK_MS = 30_000;
