/**
 * Breaks the calls of `node:fs` themselves, so that what goes wrong within one method of the disk module (a file that was opened and not
 * written, half a line) is met as well. Every call is counted, those that only read too.
 */
import fs from 'node:fs';
import { Crash } from './breaking-disk.ts';

export const ERRNOS = { EIO: 5, EACCES: 13, ENFILE: 23, EMFILE: 24, ENOSPC: 28, EROFS: 30, EDQUOT: 122 } as const;
export type Errno = keyof typeof ERRNOS;

/** What happens at call number `at`, the first being 1. */
export type Break =
  /** The process ends, and nothing after it happens: before the call, after it, or when half of a write is done, or all of it but the last byte. */
  | { kind: 'crash'; at: number; when: 'before' | 'after' | 'within' | 'almost' }
  /** The call fails, and when `lasting` all after it that can fail so. */
  | { kind: 'fail'; at: number; errno: Errno; lasting: boolean }
  /** As a crash before the call, for a process of its own. */
  | { kind: 'kill'; at: number };

/** A call that was made: what it is named, and whether it changes anything on the disk. */
export type Call = { name: string; changes: boolean; errnos: readonly Errno[] };

export type Broken = { calls: Call[]; value?: unknown; error?: unknown; crashed: boolean };

/** Does `act` with one break in it, or with none, and says which calls it made and how it ended. One at a time. */
export async function withBreak(act: () => unknown, what?: Break): Promise<Broken> {
  const calls: Call[] = [];
  const restore = patch(calls, what);
  try {
    const value = await act();
    return { calls, value, crashed: hasCrashed(calls, what) };
  } catch (error) {
    return { calls, error, crashed: hasCrashed(calls, what) };
  } finally {
    restore();
  }
}

// Code that swallows errors may swallow the crash too; what it says after it was never said.
const hasCrashed = (calls: Call[], what?: Break): boolean => what?.kind === 'crash' && calls.length >= what.at;

const SPACE: Errno[] = ['ENOSPC', 'EDQUOT'];
const ALL = Object.keys(ERRNOS) as Errno[];
const PATH: Errno[] = [...SPACE, 'EROFS', 'EIO', 'EACCES'];
const LOOK: Errno[] = ['EIO', 'EACCES'];

/** Each call that the disk module makes: whether it changes anything, and how it can fail. */
const CALLS: Record<string, { changes: boolean; errnos: Errno[] }> = {
  openSync: { changes: true, errnos: ALL },
  writeSync: { changes: true, errnos: [...SPACE, 'EIO'] },
  renameSync: { changes: true, errnos: PATH },
  linkSync: { changes: true, errnos: PATH },
  mkdirSync: { changes: true, errnos: PATH },
  unlinkSync: { changes: true, errnos: PATH },
  rmdirSync: { changes: true, errnos: PATH },
  chmodSync: { changes: true, errnos: PATH },
  fchmodSync: { changes: true, errnos: ['EROFS', 'EIO'] },
  utimesSync: { changes: true, errnos: ['EROFS', 'EIO', 'EACCES'] },
  ftruncateSync: { changes: true, errnos: ['EIO', 'ENOSPC'] },
  fsyncSync: { changes: true, errnos: [...SPACE, 'EIO'] },
  fdatasyncSync: { changes: true, errnos: [...SPACE, 'EIO'] },
  closeSync: { changes: false, errnos: [...SPACE, 'EIO'] },
  readdirSync: { changes: false, errnos: [...LOOK, 'EMFILE', 'ENFILE'] },
  lstatSync: { changes: false, errnos: LOOK },
  statSync: { changes: false, errnos: LOOK },
  existsSync: { changes: false, errnos: LOOK },
  accessSync: { changes: false, errnos: LOOK },
  fstatSync: { changes: false, errnos: ['EIO'] },
  readSync: { changes: false, errnos: ['EIO'] },
  readFileSync: { changes: false, errnos: ['EIO'] },
};

type AnyCall = (...args: unknown[]) => unknown;
const table = fs as unknown as Record<string, AnyCall>;

function patch(calls: Call[], what: Break | undefined): () => void {
  const originals = new Map<string, AnyCall>();
  for (const name of Object.keys(CALLS)) {
    const original = table[name] as AnyCall;
    originals.set(name, original);
    table[name] = (...args) => stepped(calls, what, callOf(name, args), original, args);
  }
  const asynchronous = patchAsynchronous(calls, what);
  return () => {
    for (const [name, original] of originals) table[name] = original;
    asynchronous();
  };
}

// A sync that is awaited, of one descriptor or of many files.
function patchAsynchronous(calls: Call[], what: Break | undefined): () => void {
  const { fdatasync } = fs;
  const { open } = fs.promises;
  const promised =
    (name: string, facts: Omit<Call, 'name'>, act: AnyCall, args: unknown[] = []) =>
    async () =>
      stepped(calls, what, { name, ...facts }, act, args);
  const syncing = { changes: true, errnos: [...SPACE, 'EIO'] as Errno[] };
  fs.fdatasync = ((fd: number, callback: (error: Error | null) => void) => {
    promised('fdatasync', syncing, () => undefined)().then(
      () => fdatasync(fd, callback),
      (error) => callback(error),
    );
  }) as typeof fs.fdatasync;
  fs.promises.open = (async (...args: Parameters<typeof open>) => {
    const opening = { changes: false, errnos: [...LOOK, 'EMFILE', 'ENFILE', 'EROFS'] as Errno[] };
    const handle = (await promised('promises.open', opening, open as AnyCall, args)()) as fs.promises.FileHandle;
    const sync = handle.sync.bind(handle);
    handle.sync = async () => void (await promised('handle.sync', syncing, sync)());
    return handle;
  }) as typeof open;
  return () => {
    fs.fdatasync = fdatasync;
    fs.promises.open = open;
  };
}

function callOf(name: string, args: unknown[]): Call {
  const facts = CALLS[name] as Omit<Call, 'name'>;
  // What is only opened to be read needs no room and no writable disk.
  return { name, ...(name === 'openSync' && isForReading(args[1]) ? { changes: false, errnos: [...LOOK, 'EMFILE', 'ENFILE'] } : facts) };
}

function isForReading(flags: unknown): boolean {
  const { O_WRONLY, O_RDWR } = fs.constants;
  return flags === 'r' || (typeof flags === 'number' && (flags & (O_WRONLY | O_RDWR)) === 0);
}

function stepped(calls: Call[], what: Break | undefined, call: Call, act: AnyCall, args: unknown[]): unknown {
  calls.push(call);
  const number = calls.length;
  if (!what || number < what.at) return act(...args);
  if (what.kind === 'fail') return failing(what, number, call, act, args);
  if (what.kind === 'kill') process.kill(process.pid, 'SIGKILL');
  // The descriptors of a process that ends are closed.
  if (call.name === 'closeSync') return act(...args);
  if (what.kind === 'crash' && number === what.at) doPart(what.when, act, args);
  throw new Crash(`crashed at call ${what.at}, ${call.name}`);
}

function doPart(when: (Break & { kind: 'crash' })['when'], act: AnyCall, args: unknown[]): void {
  if (when === 'after') act(...args);
  if (when === 'within') act(args[0], half(args[1]));
  if (when === 'almost') act(args[0], (args[1] as Uint8Array).subarray(0, -1));
}

function failing(what: Break & { kind: 'fail' }, number: number, call: Call, act: AnyCall, args: unknown[]): unknown {
  const fails = call.errnos.includes(what.errno) && (number === what.at || (what.lasting && lasts(what.errno, call)));
  if (!fails) return act(...args);
  // A descriptor is closed whatever close says; a full disk takes a part of what is written to it.
  if (call.name === 'closeSync') act(...args);
  if (call.name === 'writeSync') act(args[0], half(args[1]));
  // The real one does not tell an error from a missing file.
  if (call.name === 'existsSync') return false;
  throw errorOf(what.errno, call.name.replace(/Sync$/, ''), args);
}

// On a full disk things can be removed and renamed.
function lasts(errno: Errno, { name }: Call): boolean {
  return !['ENOSPC', 'EDQUOT'].includes(errno) || !['unlinkSync', 'rmdirSync', 'chmodSync', 'renameSync', 'closeSync'].includes(name);
}

const half = (bytes: unknown): Uint8Array => (bytes as Uint8Array).subarray(0, Math.floor((bytes as Uint8Array).length / 2));

// As Node says it: with the path where the call has one.
function errorOf(code: Errno, syscall: string, [first, second]: unknown[]): Error {
  const path = typeof first === 'string' ? first : undefined;
  const to = (syscall === 'rename' || syscall === 'link') && typeof second === 'string' ? ` -> '${second}'` : '';
  const where = path === undefined ? '' : ` '${path}'${to}`;
  return Object.assign(new Error(`${code}: it was broken on purpose, ${syscall}${where}`), { code, errno: -ERRNOS[code], syscall, path });
}
