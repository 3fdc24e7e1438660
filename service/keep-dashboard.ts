import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { EventLog } from '../jobs/event-log.ts';
import { sibling } from '../jobs/sibling.ts';
import { messageOf } from '../spool/errors.ts';
import { ConfigError } from './config-error.ts';
import type { DashboardPlan } from './dashboard.ts';
import type { FromDashboard, ToDashboard } from './dashboard-messages.ts';

/** The thread around the dashboard's. */
export type Keeper = {
  log: EventLog;
  /** Gets every log line of the dashboard, as NDJSON with its newline; several at once where they were held. */
  onLines(lines: string): void;
  /** Why work would not be taken now. */
  reasons(): string[];
};

/** `close` ends the dashboard for good. */
export type KeptDashboard = { port: number; close(): Promise<void> };

/** Pages leave much garbage: three times as much of it, which is the default, makes nothing faster and the process larger. */
const YOUNG_MB = 16;
const LONGEST_WAIT_MS = 30_000;
/** What lived for so long and then ended is not what keeps ending. */
const LONG_LIFE_MS = 60_000;
/** The dashboard closes within 3 s; what has not ended then is ended. */
const CLOSE_MS = 5_000;

/**
 * Serves the dashboard in a thread of its own, and starts it again, after waits that grow, should it end by itself: jobs go on meanwhile.
 * Resolves as soon as it listens; rejects with ConfigError when the port is taken.
 */
export async function keepDashboard(plan: DashboardPlan, keeper: Keeper): Promise<KeptDashboard> {
  let life = begin(plan, keeper);
  const port = await life.ready;
  const closing = new AbortController();
  // Also where any free port was asked for: open pages find it again.
  const samePort = { ...plan, config: { ...plan.config, port } };
  const kept = keepUp();
  return {
    port,
    close: async () => {
      closing.abort();
      await life.close();
      await kept;
    },
  };

  async function keepUp(): Promise<void> {
    for (let failures = 1; ; failures++) {
      const began = performance.now();
      const error = await life.ended;
      if (closing.signal.aborted) return;
      if (performance.now() - began >= LONG_LIFE_MS) failures = 1;
      const waitMs = Math.min(LONGEST_WAIT_MS, 250 * 2 ** failures);
      keeper.log.error(`the dashboard ended by itself: ${messageOf(error)}; jobs go on, and it is started again in ${waitMs} ms`, {
        err: error,
      });
      await pause(waitMs, undefined, { signal: closing.signal }).catch(() => undefined);
      if (closing.signal.aborted) return;
      life = begin(samePort, keeper);
    }
  }
}

type Life = {
  /** Resolves with the port; rejects when it ends before it listens. */
  ready: Promise<number>;
  /** Resolves when the thread has ended, with the reason. */
  ended: Promise<Error>;
  close(): Promise<void>;
};

function begin(plan: DashboardPlan, { onLines, reasons }: Keeper): Life {
  const worker = new Worker(sibling('dashboard-thread', import.meta.url), {
    workerData: plan,
    stdout: false,
    stderr: false,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  const send = (message: ToDashboard) => worker.postMessage(message);
  let failure: Error | undefined;
  const ready = new Promise<number>((resolve) => {
    worker.on('message', (message: FromDashboard) => {
      if (message.kind === 'ready') resolve(message.port);
      if (message.kind === 'failed') failure = new ConfigError(message.message);
      if (message.kind === 'lines') onLines(message.lines);
      if (message.kind === 'ask') send({ kind: 'reasons', number: message.number, reasons: reasons() });
    });
  });
  worker.once('error', (error) => {
    failure = error as Error;
  });
  const ended = new Promise<Error>((resolve) => {
    worker.once('exit', (code) => resolve(failure ?? new Error(`its thread exited with code ${code}`)));
  });
  const begun = Promise.race([ready, ended.then((error) => Promise.reject(error))]);
  begun.catch(() => {
    // Of a life that is not the first, only the end is of interest.
  });
  return {
    ready: begun,
    ended,
    close: async () => {
      send({ kind: 'close' });
      const deadline = setTimeout(() => void worker.terminate(), CLOSE_MS);
      await ended;
      clearTimeout(deadline);
    },
  };
}
