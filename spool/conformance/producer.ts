/** Given this call, expect this file: the cases for producers. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SHARED_FOLDERS } from '../drop-folder.ts';
import { parseRunAt } from '../filename.ts';
import { withSpool } from './scratch-spool.ts';
import { brokenSteps, parseCalls, TRACED } from './system-calls.ts';
import type { Verdict } from './verdict.ts';

/**
 * What a producer may lack; the cases that need it are left out then. `spool-check`: it makes a spool where none is, as ours for TypeScript do.
 * `exit-1`: it tells by other exit codes that a job could not be enqueued.
 */
export const NEEDS: readonly string[] = ['id', 'at', 'delay', 'retries', 'traceparent', 'spool-check', 'exit-1'];

export type ProducerCase = {
  name: string;
  args: string[];
  needs?: string[];
  /** Its system calls are looked at. */
  watched?: true;
  before?: 'no-spool' | 'no-room' | 'no-folder-sync' | 'drop-folder' | { incoming: string };
  expect?: Expected;
  /** What stderr says, as an expression, when the arguments are wrong: exit code 2. Beside `expect` it is the other thing that a producer may do. */
  refused?: string;
  /** What stderr says, as an expression, when the job cannot be enqueued, or not be promised: exit code 1. */
  fails?: string;
};

/** `delay` in seconds after the call. */
type Expected = { priority?: number; runAt?: string; delay?: number; id?: string; body?: Record<string, unknown> };

/** Tries each case; each in a spool of its own. */
export async function checkProducer(cases: readonly ProducerCase[], command: string[], lacks: string[], verdict: Verdict): Promise<void> {
  const hasStrace = spawnSync('strace', ['-V']).status === 0;
  for (const one of cases) {
    const lack = one.needs?.find((need) => lacks.includes(need));
    const isTraced = one.watched === true || one.before === 'no-room' || one.before === 'no-folder-sync';
    if (lack !== undefined) verdict.skip(one.name, `the producer is said to be without "${lack}"`);
    else if (isTraced && !hasStrace) verdict.skip(one.name, 'strace is not there (apt: strace)');
    else verdict.note(one.name, await withSpool((spool) => check(one, command, spool, !lacks.includes('exit-1'))));
  }
}

type Ran = { began: number; ended: number; result: SpawnSyncReturns<string>; calls: string };

function check(one: ProducerCase, command: string[], spool: string, exits1: boolean): string[] {
  const before = prepare(one, spool);
  const ran = run(one, command, spool);
  if (ran.result.error) return [`start ${command[0]}: ${ran.result.error.message}`];
  const mayRefuse = one.refused !== undefined && ran.result.status !== 0;
  const broken = one.expect === undefined || mayRefuse ? refusal(one, ran, spool, exits1) : success(one.expect, ran, spool);
  if (one.before === 'drop-folder' && broken.length === 0)
    broken.push(...sharedFile(path.join(spool, 'incoming', incoming(spool)[0] as string)));
  if (one.watched && broken.length === 0)
    broken.push(...brokenSteps(parseCalls(ran.calls), spool, incoming(spool)[0] as string, one.expect?.id !== undefined));
  const changed = [...before].filter(([file, text]) => fs.readFileSync(file, 'utf8') !== text);
  return [...broken, ...changed.map(([file]) => `expected ${path.basename(file)}, which was in incoming/ before, to be left as it was`)];
}

/** What must be as it is now afterwards. */
function prepare({ before }: ProducerCase, spool: string): Map<string, string> {
  if (before === 'no-spool') fs.rmSync(spool, { recursive: true });
  if (before === 'drop-folder') for (const folder of SHARED_FOLDERS) fs.chmodSync(path.join(spool, folder), 0o3770);
  if (typeof before !== 'object') return new Map();
  const file = path.join(spool, 'incoming', before.incoming);
  fs.writeFileSync(file, '{"class":"Somebody","params":["else"]}\n');
  return new Map([[file, fs.readFileSync(file, 'utf8')]]);
}

function run(one: ProducerCase, command: string[], spool: string): Ran {
  const log = path.join(path.dirname(spool), 'calls');
  const faults = faultsOf(one, spool);
  const traced = one.watched || faults.length > 0 ? ['strace', '-f', '-y', '-s', '0', '-o', log, '-e', `trace=${TRACED}`, ...faults] : [];
  const [program = '', ...args] = [...traced, ...command, ...one.args];
  const began = Date.now();
  // 007 leaves the group its rights, and nobody else any.
  const result = spawnSync('sh', ['-c', 'umask 007; exec "$@"', 'sh', program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, JOBSPOOL_DIR: spool },
    timeout: 60_000,
  });
  return { began, ended: Date.now(), result, calls: traced.length > 0 && fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '' };
}

/** How the disk fails, as strace is told. */
function faultsOf({ before }: ProducerCase, spool: string): string[] {
  // A disk that takes no file whole tells so at the sync, at the latest.
  if (before === 'no-room') return ['-e', 'inject=fsync,fdatasync:error=ENOSPC'];
  // Of the calls on that folder alone: the file itself is synced.
  if (before === 'no-folder-sync') return ['-P', path.join(spool, 'incoming'), '-e', 'inject=fsync,fdatasync,syncfs:error=EIO'];
  return [];
}

function incoming(spool: string): string[] {
  return fs.existsSync(spool) ? fs.readdirSync(path.join(spool, 'incoming')).sort() : [];
}

function refusal(one: ProducerCase, { result }: Ran, spool: string, exits1: boolean): string[] {
  const broken: string[] = [];
  const said = new RegExp((one.refused ?? one.fails ?? '').replace('THE-SPOOL', 'the spool'), 'is');
  if (one.refused !== undefined && result.status !== 2) broken.push(`expected the exit code 2 for wrong arguments, got ${result.status}`);
  if (one.refused === undefined && exits1 && result.status !== 1)
    broken.push(`expected the exit code 1 for a job that cannot be enqueued, got ${result.status}`);
  if (result.status === 0 || result.status === null) broken.push(`expected an exit code that tells of a failure, got ${result.status}`);
  if (result.stdout !== '') broken.push(`expected nothing on stdout, got ${JSON.stringify(result.stdout)}`);
  if (!said.test(result.stderr)) broken.push(`expected a sentence on stderr that matches ${said}, got ${JSON.stringify(result.stderr)}`);
  const others = incoming(spool).filter((name) => !mayBeIn(one, name));
  if (others.length > 0) broken.push(`expected nothing to come to incoming/, found ${others.join(', ')}`);
  if (one.before === 'no-spool' && fs.existsSync(spool))
    broken.push('expected no spool to be made: it would hide that the folder is wrong');
  return [...broken, ...leftovers(spool)];
}

/** Whether a name may be in incoming/ after a failure: it was there before, or what failed came after it was moved there. */
function mayBeIn({ before }: ProducerCase, name: string): boolean {
  return before === 'no-folder-sync' || (typeof before === 'object' && name === before.incoming);
}

function leftovers(spool: string): string[] {
  const left = fs.existsSync(spool) ? fs.readdirSync(path.join(spool, 'tmp')) : [];
  return left.length > 0 ? [`expected tmp/ to be left empty, found ${left.join(', ')}`] : [];
}

const NAME = /^p([1-9]|10)-(now|\d{8}T\d{6}(?:\.\d{3})?Z|\d{10}|\d{13})-([A-Za-z0-9][A-Za-z0-9._-]{0,99})\.json$/;

function success(expected: Expected, ran: Ran, spool: string): string[] {
  const { result } = ran;
  if (result.status !== 0) return [`expected the exit code 0, got ${result.status ?? result.signal}: ${result.stderr.trim()}`];
  const names = incoming(spool);
  if (names.length !== 1) return [`expected one file in incoming/, found ${names.length === 0 ? 'none' : names.join(', ')}`];
  const [name = ''] = names;
  const match = NAME.exec(name);
  if (!match) return [`expected a name of the form p<priority>-<run-at>-<id>.json, got ${name}`];
  const [, priority, runAt = '', id] = match;
  const broken = [...wrongTime(expected, runAt, ran), ...wrongFile(expected, path.join(spool, 'incoming', name)), ...leftovers(spool)];
  if (result.stdout !== `${id}\n`) broken.push(`expected the id ${id} and a newline on stdout, got ${JSON.stringify(result.stdout)}`);
  if (expected.id !== undefined && id !== expected.id) broken.push(`expected the id ${expected.id}, got ${id}`);
  if (Number(priority) !== (expected.priority ?? 5)) broken.push(`expected the priority ${expected.priority ?? 5}, got ${priority}`);
  return broken;
}

/** By how much a run-at may be later than was asked for, in milliseconds: producers whose clock knows only seconds round up. */
const LATER_MS = 1_000;

function wrongTime({ runAt, delay }: Expected, got: string, { began, ended }: Ran): string[] {
  if (delay === undefined && runAt === undefined) return got === 'now' ? [] : [`expected the run-at now, got ${got}`];
  if (runAt === 'now' || got === 'now') return got === runAt ? [] : [`expected the run-at ${runAt ?? `in ${delay} s`}, got ${got}`];
  const [first, last] =
    delay === undefined
      ? [Date.parse(runAt as string), Date.parse(runAt as string)]
      : [began + delay * 1_000, ended + delay * 1_000 + LATER_MS];
  const at = parseRunAt(got);
  return typeof at === 'number' && at >= first && at <= last
    ? []
    : [`expected a run-at from ${new Date(first).toISOString()} to ${new Date(last).toISOString()}, got ${got}`];
}

function wrongFile({ body }: Expected, file: string): string[] {
  const broken: string[] = [];
  const mode = fs.statSync(file).mode & 0o777;
  if ((mode & 0o040) === 0) broken.push(`expected the group to be able to read it, got the permissions ${mode.toString(8)}`);
  if ((mode & 0o007) !== 0)
    broken.push(`expected nobody but user and group to have any right to it, got the permissions ${mode.toString(8)}`);
  if (body === undefined) return broken;
  const bytes = fs.readFileSync(file);
  const got = parsed(bytes);
  const whole = { method: 'handle', params: [], ...(got as object) };
  if (got === undefined) broken.push(`expected UTF-8 JSON, got ${bytes.toString()}`);
  else if (!isDeepStrictEqual(whole, body)) broken.push(`expected the body ${JSON.stringify(body)}, got ${JSON.stringify(got)}`);
  return broken;
}

function sharedFile(file: string): string[] {
  const mode = fs.statSync(file).mode & 0o777;
  return (mode & 0o020) === 0 ? [] : [`expected nobody but its owner to be able to change it, got the permissions ${mode.toString(8)}`];
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
