import path from 'node:path';
import chokidar, { type FSWatcher } from 'chokidar';
import { messageOf } from './errors.ts';
import type { Spool } from './spool.ts';

export type DoorbellEvents = {
  onRing(): void;
  /** A sentence for the log: the doorbell is broken, mended, or was hung up anew. */
  onNote(message: string): void;
};

/**
 * Rings when something may have changed in the spool. It is a doorbell: what is there, and what to do about it, only a look at
 * the folders says. It may ring for nothing, and it may stay silent (a watch limit, NFS): the regular scan then notices later.
 */
export class Doorbell {
  readonly #spool: Spool;
  readonly #events: DoorbellEvents;
  #watcher: FSWatcher | undefined;
  /** Which folders are watched; a folder that is replaced has the same name and is another one. */
  #watched = '';
  /** When to try again what failed, in monotonic milliseconds; undefined while the watcher works. */
  #againAt: number | undefined;
  #isClosed = false;
  /** What the events of this turn were about: a name in incoming/, or something else. */
  readonly #heard: (string | undefined)[] = [];
  #ringing: NodeJS.Immediate | undefined;

  /** Watches the small folders; jobs that wait are never watched. */
  constructor(spool: Spool, events: DoorbellEvents) {
    this.#spool = spool;
    this.#events = events;
    this.#open();
  }

  /** To be called at every scan: watches anew where a folder was replaced, and where watching failed a while ago. */
  check(clock = performance.now()): void {
    const there = this.#identify();
    const isReplaced = there !== '' && there !== this.#watched;
    const isDue = this.#againAt !== undefined && clock >= this.#againAt;
    if (there === '') this.#watched = '';
    else if (isReplaced || isDue) {
      if (isReplaced) this.#events.onNote(`${this.#spool.incoming} or ${this.#spool.cancel} was replaced: they are watched anew`);
      void this.#watcher?.close();
      this.#open();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearImmediate(this.#ringing);
    await this.#watcher?.close();
    this.#watcher = undefined;
  }

  #open(): void {
    if (this.#isClosed) return;
    // Before it is watched: what is replaced in between is noticed at the next check.
    this.#watched = this.#identify();
    const paths = new Set([this.#spool.incoming, this.#spool.cancel, this.#spool.paused]);
    const watcher = chokidar.watch([...paths], {
      ignoreInitial: true,
      depth: 0,
      // Only the folders themselves: to follow the files in them takes memory for each, and incoming/ may hold hundreds of thousands
      // while there is no room to accept them.
      ignored: (path) => !paths.has(path),
    });
    this.#watcher = watcher;
    // Not `all`, which knows of no file that is ignored.
    watcher.on('raw', (_, name, details) => {
      const { watchedPath } = details as { watchedPath?: string };
      this.#hear(watchedPath === this.#spool.incoming && name ? name : undefined);
    });
    watcher.on('error', (error) => this.#noteFailure(watcher, error));
    watcher.on('ready', () => this.#noteReady(watcher));
  }

  // Events come in bursts, and a look costs more than all of them: one ring serves a turn of the event loop.
  #hear(nameInIncoming: string | undefined): void {
    this.#heard.push(nameInIncoming);
    this.#ringing ??= setImmediate(() => {
      this.#ringing = undefined;
      if (this.#isNews(this.#heard.splice(0))) this.#events.onRing();
    });
  }

  // That a file left incoming/ is an event too: one for each job that is accepted.
  #isNews(heard: (string | undefined)[]): boolean {
    return heard.length > FEW || heard.some((name) => name === undefined || this.#isThere(name));
  }

  #isThere(name: string): boolean {
    const { disk, incoming } = this.#spool;
    try {
      return name === path.basename(incoming) || disk.facts(`${incoming}/${name}`) !== undefined;
    } catch {
      return true;
    }
  }

  // One cause fails for each folder: it is said once, and tried again now and then.
  #noteFailure(watcher: FSWatcher, error: unknown): void {
    if (watcher !== this.#watcher) return;
    if (this.#againAt === undefined) {
      this.#events.onNote(`watch ${this.#spool.incoming}: ${messageOf(error)}; no events arrive, and the regular scan finds what comes`);
    }
    this.#againAt = performance.now() + AGAIN_MS;
    void watcher.close();
    this.#watcher = undefined;
  }

  #noteReady(watcher: FSWatcher): void {
    if (watcher !== this.#watcher) return;
    if (this.#againAt !== undefined) this.#events.onNote(`${this.#spool.incoming} is watched again`);
    this.#againAt = undefined;
    this.#events.onRing();
  }

  // Empty while a folder is missing: then what was watched is gone, whatever comes back in its place.
  #identify(): string {
    const { disk, incoming, cancel } = this.#spool;
    try {
      const ids = [incoming, cancel].map((folder) => {
        const facts = disk.facts(folder);
        return facts?.isFolder ? `${disk.deviceOf(folder)}:${facts.ino}` : undefined;
      });
      return ids.includes(undefined) ? '' : ids.join(' ');
    } catch {
      return '';
    }
  }
}

/** Limits on watches are raised, and programs that used them up end. */
const AGAIN_MS = 60_000;
/** Of more events than this, no name is looked for: some of them will be news. */
const FEW = 4;
