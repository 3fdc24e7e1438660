import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { now } from '../clock.ts';
import type { Contender, Order, Produced, Session, Stage } from '../contender.ts';
import { type Started, startProcess } from '../start-process.ts';

/** What a runner does that starts a program for each job, without the queue: `xargs` starts them, as many at once as there are cores. */
export const contenders: Contender[] = [
  processPerJob('process-php', 'php', ['-n', path.join(import.meta.dirname, 'job.php')], 'apt-get install --no-install-recommends php-cli'),
  processPerJob('process-node', process.execPath, [path.join(import.meta.dirname, 'job.js')], 'npm ci'),
];

export function processPerJob(name: string, program: string, args: string[], install: string): Contender {
  return {
    name,
    family: 'process-per-job',
    settings: `${path.basename(program)} started per job, ${os.availableParallelism()} at once`,
    durability: 'process',
    share: 0.02,
    only: ['drain', 'drain-1ms'],
    missing: () => (versionOf(program) === undefined ? `${program} is not installed: ${install}` : undefined),
    version: () => versionOf(program) ?? 'missing',
    open: async (stage) => openRunner(stage, [program, ...args]),
  };
}

function openRunner(stage: Stage, command: string[]): Session {
  const waiting: Order[] = [];
  let isHeld = false;
  let running: Started[] = [];
  const start = () => {
    for (const order of waiting.splice(0)) {
      const loop = `seq ${order.first} ${order.first + order.count - 1} | xargs -P ${stage.concurrency ?? os.availableParallelism()} -I N "$@" N ${order.workMs}`;
      running.push(
        startProcess('sh', ['-c', `${loop}; sleep 600`, 'sh', ...command], { env: { BENCH_TALLY: stage.tally }, detached: true }),
      );
    }
  };
  return {
    pids: () => running.map(({ pid }) => pid),
    produce: async (order): Promise<Produced> => {
      waiting.push(order);
      if (!isHeld) start();
      return { startedAt: now(), endedAt: now(), submittedAt: [] };
    },
    hold: async () => {
      isHeld = true;
    },
    release: async () => {
      isHeld = false;
      start();
    },
    left: async () => 0,
    close: async () => {
      for (const { pid, hasEnded } of running) if (!hasEnded()) process.kill(-pid, 'SIGKILL');
      running = [];
    },
  };
}

function versionOf(program: string): string | undefined {
  try {
    return /\d+\.\d+\.\d+/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[0];
  } catch {
    return undefined;
  }
}
