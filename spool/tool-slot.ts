import { parseBatchName } from './batch-name.ts';
import { atBest } from './errors.ts';
import { freeName } from './free-name.ts';
import { acquireSlot, type Lease } from './lease.ts';
import { moveTo } from './reject.ts';
import { finishMoves } from './settle.ts';
import type { Spool } from './spool.ts';

/**
 * The slot of a program or thread that steers jobs and holds none otherwise: what becomes of the line of a batch is done within a slot, where a
 * crash leaves it to the next rescue. It is taken when it is needed first.
 */
export class ToolSlot {
  readonly #spool: Spool;
  #lease: Lease | undefined;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Does something that may turn out to need a slot: it says so by `slot`, and is asked again with one. */
  async steer<T extends { kind: string }>(act: (slot: string | undefined) => T): Promise<T> {
    const done = act(this.#lease?.slot);
    return done.kind === 'slot' ? act(await this.take()) : done;
  }

  /** The slot. */
  async take(): Promise<string> {
    // Whoever takes this slot for dead has its files, and puts them back.
    this.#lease ??= await acquireSlot(this.#spool, { kind: 'tool', staleMs: STALE_MS, onLost: () => undefined });
    return this.#lease.slot;
  }

  async release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (!lease) return;
    // On a full disk something may be left: nobody rescues a slot while its process lives.
    atBest(() => putAllBack(this.#spool, lease.slot));
    await lease.release();
  }
}

/** Does one thing that may need a slot. */
export async function withToolSlot<T extends { kind: string }>(spool: Spool, act: (slot: string | undefined) => T): Promise<T> {
  const tool = new ToolSlot(spool);
  return tool.steer(act).finally(() => tool.release());
}

function putAllBack(spool: Spool, slot: string): void {
  finishMoves(spool, slot);
  for (const name of spool.disk.names(spool.slot(slot)))
    if (parseBatchName(name)) moveTo(spool, spool.claimed(slot, name), `${spool.pending}/${freeName(spool, spool.pending, name)}`);
}

/** On other hosts it is lost after so long without a heartbeat; it is held for moments. */
const STALE_MS = 30_000;
