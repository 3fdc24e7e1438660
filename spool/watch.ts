import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
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
  /** Whether the watcher has begun: until then nothing is told. */
  #isWatching = false;
  /** Whether an event told of a file that came, since the last check. */
  #hasToldOfArrival = false;
  /** What was in incoming/ at the last check. */
  #known = new Set<string>();
  /** How many checks in a row found what no event had told of. */
  #misses = 0;

  /** Watches the small folders; jobs that wait are never watched. */
  constructor(spool: Spool, events: DoorbellEvents) {
    this.#spool = spool;
    this.#events = events;
    this.#open();
  }

  /**
   * To be called at every scan, before anything is accepted: watches anew where a folder was replaced, and where watching failed a while ago; finds
   * out where no events arrive.
   */
  async check(clock = performance.now()): Promise<void> {
    this.#mend(clock);
    await this.#findSilence();
  }

  #mend(clock: number): void {
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
    this.#isWatching = false;
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
      const heard = this.#heard.splice(0);
      if (!this.#isNews(heard)) return;
      if (heard.some((name) => name !== undefined)) this.#hasToldOfArrival = true;
      this.#events.onRing();
    });
  }

  // A probe of our own proves little: what is written on this machine is told of also where that of others is not (NFS, mounts that are
  // written to from outside). So this looks at what really came.
  async #findSilence(): Promise<void> {
    if (!this.#isWatching) return;
    const there = this.#requests();
    const hasNew = there.some((name) => !this.#known.has(name));
    this.#known = new Set(there);
    // Events that have arrived and wait for their turn.
    if (hasNew) for (let turn = 0; turn < 3; turn++) await nextTurn();
    if (this.#hasToldOfArrival) {
      if (this.#misses >= SILENT_AFTER) this.#events.onNote(`file events arrive from ${this.#spool.incoming} again`);
      this.#misses = 0;
    } else if (hasNew) {
      this.#misses += 1;
      if (this.#misses === SILENT_AFTER) this.#events.onNote(silence(this.#spool.incoming));
    }
    this.#hasToldOfArrival = false;
  }

  #requests(): string[] {
    const { disk, incoming } = this.#spool;
    try {
      return this.#hasToldOfArrival ? [] : disk.names(incoming).filter((name) => /^[^.].*\.(json|ndjson)$/.test(name));
    } catch {
      return [];
    }
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
    this.#isWatching = false;
  }

  #noteReady(watcher: FSWatcher): void {
    if (watcher !== this.#watcher) return;
    if (this.#againAt !== undefined) this.#events.onNote(`${this.#spool.incoming} is watched again`);
    this.#againAt = undefined;
    this.#isWatching = true;
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

/** Once may be a file that came in the moment of the scan. */
const SILENT_AFTER = 3;

const silence = (incoming: string): string =>
  `no file events arrive from ${incoming}: requests came, and nothing told of them (usual on NFS, and on mounts that are written to from outside). The regular scan finds them, as with JOBSPOOL_WATCH=poll; JOBSPOOL_SCAN says how often`;

/** Limits on watches are raised, and programs that used them up end. */
const AGAIN_MS = 60_000;
/** Of more events than this, no name is looked for: some of them will be news. */
const FEW = 4;
