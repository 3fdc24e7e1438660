import chokidar, { type FSWatcher } from 'chokidar';
import { messageOf } from './errors.ts';
import type { Spool } from './spool.ts';

/**
 * Rings when something may have changed in the spool. It is a doorbell: what is there, and what to do about it, only a look at
 * the folders says. It may ring for nothing, and it may stay silent (a watch limit, NFS): the regular scan then notices later.
 */
export class Doorbell {
  #watcher: FSWatcher | undefined;

  /** Watches the small folders; jobs that wait are never watched. */
  constructor(spool: Spool, { onRing, onError }: { onRing(): void; onError(message: string): void }) {
    this.#watcher = chokidar.watch([spool.incoming, spool.cancel, spool.paused], {
      ignoreInitial: true,
      depth: 0,
      // With it, a name that comes back within 100 ms (a retry by hand) would be held back.
      atomic: false,
    });
    this.#watcher.on('all', onRing).on('ready', onRing);
    this.#watcher.on('error', (error) => onError(messageOf(error)));
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
    this.#watcher = undefined;
  }
}
