import { randomBytes } from 'node:crypto';
import { messageOf } from '../spool/errors.ts';
import { type BulkOrder, type BulkProgress, progressText, runBulk } from './bulk.ts';
import type { Dashboard } from './dashboard.ts';

/** A bulk action that goes on in the background. It is in memory only: a restart forgets it, and what it has done is done. Times in milliseconds since the epoch. */
export type Operation = {
  id: string;
  order: BulkOrder;
  progress: BulkProgress;
  startedAt: number;
  /** Where whoever ordered it came from: a path of ours. */
  back: string;
  end: OperationEnd | undefined;
};

/** `stopped`: by a person. `broken`: by an error, whose sentence is `why`. */
export type OperationEnd = { kind: 'finished' | 'stopped'; at: number } | { kind: 'broken'; at: number; why: string };

/** Started, or the sentence why not. */
export type Started = { ok: true; operation: Operation } | { ok: false; reason: string };

/** The operations of a dashboard; the same ones for whoever asks. */
export function operationsOf(dashboard: Dashboard): Operations {
  const known = all.get(dashboard) ?? new Operations(dashboard);
  all.set(dashboard, known);
  return known;
}

const all = new WeakMap<Dashboard, Operations>();

/** So many go on at the same time, and so many that are over are remembered. */
const MAX_RUNNING = 4;
const MAX_KEPT = 100;

class Operations {
  readonly #dashboard: Dashboard;
  readonly #operations = new Map<string, Operation & { stopping: AbortController }>();

  constructor(dashboard: Dashboard) {
    this.#dashboard = dashboard;
  }

  find(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  /** Starts an order; it goes on when whoever ordered it has left. */
  start(order: BulkOrder, back: string, now = Date.now()): Started {
    const running = [...this.#operations.values()].filter(({ end }) => end === undefined).length;
    if (running >= MAX_RUNNING) {
      return {
        ok: false,
        reason: `${order.action} ${order.expected} jobs: ${running} such operations are going on; wait until one of them is over`,
      };
    }
    const id = randomBytes(8).toString('hex');
    const progress: BulkProgress = { done: 0, skipped: new Map() };
    const operation = {
      id,
      order,
      progress,
      startedAt: now,
      back,
      end: undefined as OperationEnd | undefined,
      stopping: new AbortController(),
    };
    this.#operations.set(id, operation);
    this.#forgetOldest();
    void this.#run(operation);
    return { ok: true, operation };
  }

  /** Ends it before its next job; false when it is over or unknown. */
  stop(id: string): boolean {
    const operation = this.#operations.get(id);
    if (!operation || operation.end) return false;
    operation.stopping.abort();
    return true;
  }

  async #run(operation: Operation & { stopping: AbortController }): Promise<void> {
    const { order, progress, stopping } = operation;
    const { log } = this.#dashboard;
    try {
      const signal = AbortSignal.any([stopping.signal, this.#dashboard.stopping]);
      await runBulk(this.#dashboard, order, progress, signal);
      operation.end = { kind: signal.aborted ? 'stopped' : 'finished', at: Date.now() };
    } catch (error) {
      operation.end = { kind: 'broken', at: Date.now(), why: messageOf(error) };
      log.error(`${order.action} ${order.expected} jobs: broke off: ${messageOf(error)}; ${progressText(order.action, progress)}`, {
        who: order.who,
      });
      return;
    }
    log.info(`bulk ${order.action} ${operation.end.kind}: ${progressText(order.action, progress)}`, { who: order.who });
  }

  #forgetOldest(): void {
    for (const [id, { end }] of this.#operations) {
      if (this.#operations.size <= MAX_KEPT) return;
      if (end) this.#operations.delete(id);
    }
  }
}
