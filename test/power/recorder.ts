/** Writes down what a piece of work asks of the file system: every change and every sync below one folder, as the calls of node:fs happen. */
import fs from 'node:fs';
import path from 'node:path';

/** A name in a folder: which folder (its node) and what. */
export type Entry = { folder: number; name: string };

/** Something that happened. Files and folders are nodes, numbered as they come; 0 is the watched folder itself. */
export type Happening =
  /** Names taken away and given, in one step. */
  | { kind: 'names'; call: string; removed: Entry[]; added: (Entry & { node: number })[] }
  /** A file's whole content after a write. */
  | { kind: 'content'; node: number; bytes: Buffer; mtimeMs: number }
  /** One that is done. `since`: how many happenings there were when it began; what came after that is not certain by it. */
  | { kind: 'sync-file' | 'sync-folder'; node: number; since: number }
  /** Something that the work promised from here on. */
  | { kind: 'promise'; what: string };

/** The first `before` happenings stand for what was there already. */
export type Recording = { happenings: Happening[]; before: number; folders: ReadonlySet<number>; promise(what: string): void };

/** Records `work` on what is below `root`. What is there before counts as on the disk. */
export async function record(root: string, work: (recording: Recording) => unknown): Promise<Recording> {
  const recorder = new Recorder(root);
  const restore = recorder.watch();
  try {
    await work(recorder);
  } finally {
    restore();
  }
  return recorder;
}

type Call = (...args: never[]) => unknown;

class Recorder implements Recording {
  readonly happenings: Happening[] = [];
  readonly before: number;
  readonly folders = new Set<number>([0]);
  readonly #root: string;
  /** Nodes by inode number; one that is used again is a new node. */
  readonly #nodes = new Map<number, number>();
  #count = 1;

  constructor(root: string) {
    this.#root = path.resolve(root);
    this.#nodes.set(fs.statSync(root).ino, 0);
    this.#readFolder(this.#root, 0);
    this.before = this.happenings.length;
  }

  promise(what: string): void {
    this.happenings.push({ kind: 'promise', what });
  }

  // What was there before: as if written and synced.
  #readFolder(folder: string, node: number): void {
    for (const name of fs.readdirSync(folder)) {
      const file = path.join(folder, name);
      const stat = fs.lstatSync(file);
      const child = this.#newNode(stat.ino);
      this.happenings.push({ kind: 'names', call: 'before', removed: [], added: [{ folder: node, name, node: child }] });
      if (stat.isDirectory()) {
        this.folders.add(child);
        this.#readFolder(file, child);
      } else {
        this.happenings.push({ kind: 'content', node: child, bytes: fs.readFileSync(file), mtimeMs: stat.mtimeMs });
        this.happenings.push({ kind: 'sync-file', node: child, since: this.happenings.length });
      }
    }
    this.happenings.push({ kind: 'sync-folder', node, since: this.happenings.length });
  }

  /** Stands in for the calls of node:fs that change something; returns what takes it back. */
  watch(): () => void {
    const calls = fs as unknown as Record<string, Call>;
    const mine = this.#calls({ ...calls });
    const real = Object.fromEntries(Object.keys(mine).map((name) => [name, calls[name] as Call]));
    Object.assign(calls, mine);
    return () => void Object.assign(calls, real);
  }

  #calls(real: Record<string, Call>): Record<string, (...args: never[]) => unknown> {
    const { openSync, mkdirSync, renameSync, linkSync, unlinkSync, rmdirSync } = real as unknown as typeof fs;
    const contentAfter =
      (call: Call) =>
      (fd: number, ...rest: never[]) => {
        const answer = call(fd as never, ...rest);
        this.#noteContent(fd);
        return answer;
      };
    const syncAfter = (call: Call) => (fd: number) => {
      call(fd as never);
      this.#noteSync(fd);
    };
    const syncLater = (call: typeof fs.fsync) => (fd: number, done: (error: Error | null) => void) => {
      const since = this.happenings.length;
      call(fd, (error) => {
        if (!error) this.#noteSync(fd, since);
        done(error);
      });
    };
    return {
      openSync: (file: string, ...rest: [fs.OpenMode, fs.Mode?]) => {
        const isNew = this.#isInside(file) && !fs.lstatSync(file, { throwIfNoEntry: false });
        const fd = openSync(file, ...rest);
        if (isNew) this.#add('create', file, this.#newNode(fs.fstatSync(fd).ino));
        return fd;
      },
      mkdirSync: (folder: string, options: fs.MakeDirectoryOptions) => {
        mkdirSync(folder, options);
        if (!this.#isInside(folder)) return;
        const node = this.#newNode(fs.statSync(folder).ino);
        this.folders.add(node);
        this.#add('mkdir', folder, node);
      },
      renameSync: (from: string, to: string) => {
        const moved = fs.lstatSync(from, { throwIfNoEntry: false });
        renameSync(from, to);
        if (moved) this.#note('rename', [this.#entry(from)], [{ ...this.#entry(to), node: this.#node(moved.ino) }]);
      },
      linkSync: (from: string, to: string) => {
        linkSync(from, to);
        this.#add('link', to, this.#node(fs.lstatSync(to).ino));
      },
      unlinkSync: (file: string) => {
        unlinkSync(file);
        this.#note('unlink', [this.#entry(file)], []);
      },
      rmdirSync: (folder: string) => {
        rmdirSync(folder);
        this.#note('rmdir', [this.#entry(folder)], []);
      },
      writeSync: contentAfter(real.writeSync as Call) as never,
      ftruncateSync: contentAfter(real.ftruncateSync as Call) as never,
      fsyncSync: syncAfter(real.fsyncSync as Call) as never,
      fdatasyncSync: syncAfter(real.fdatasyncSync as Call) as never,
      fsync: syncLater(real.fsync as never),
      fdatasync: syncLater(real.fdatasync as never),
    };
  }

  #noteContent(fd: number): void {
    const { ino, mtimeMs } = fs.fstatSync(fd);
    const node = this.#nodes.get(ino);
    if (node !== undefined) this.happenings.push({ kind: 'content', node, bytes: fs.readFileSync(`/proc/self/fd/${fd}`), mtimeMs });
  }

  #noteSync(fd: number, since = this.happenings.length): void {
    const node = this.#nodes.get(fs.fstatSync(fd).ino);
    if (node !== undefined) this.happenings.push({ kind: this.folders.has(node) ? 'sync-folder' : 'sync-file', node, since });
  }

  #add(call: string, file: string, node: number): void {
    if (this.#isInside(file)) this.#note(call, [], [{ ...this.#entry(file), node }]);
  }

  #note(call: string, removed: Entry[], added: (Entry & { node: number })[]): void {
    this.happenings.push({ kind: 'names', call, removed, added });
  }

  #entry(file: string): Entry {
    return { folder: this.#node(fs.statSync(path.dirname(file)).ino), name: path.basename(file) };
  }

  #node(ino: number): number {
    return this.#nodes.get(ino) ?? this.#newNode(ino);
  }

  #newNode(ino: number): number {
    this.#nodes.set(ino, this.#count);
    return this.#count++;
  }

  #isInside(file: string): boolean {
    return path.resolve(file).startsWith(`${this.#root}${path.sep}`);
  }
}
