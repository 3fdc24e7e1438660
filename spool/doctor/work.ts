/** What waits in the spool, who works on it, and what lies there that nobody will take. */
import { type BatchName, parseBatchName } from '../batch-name.ts';
import { parseDropName } from '../drop-name.ts';
import { parseJobName } from '../filename.ts';
import { inTmp } from '../fsck/intake.ts';
import { type Holder, holderOfSlot, slots } from '../lease.ts';
import type { Liveness } from '../liveness.ts';
import { isPaused } from '../marker.ts';
import { runAtOf } from '../order.ts';
import type { Spool } from '../spool.ts';
import { type Answer, fail, ok, warn } from './finding.ts';

/** The dispatchers that live. */
export function livingDispatchers(spool: Spool, liveness: Liveness): Holder[] {
  const holders = slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
  return holders.filter(({ kind, slot }) => kind === 'dispatcher' && liveness.of(slot, 0) === 'alive');
}

export function dispatchers(alive: readonly Holder[]): Answer {
  if (alive.length === 0) return warn('no dispatcher runs on this spool: jobs wait until one is started (jobspool serve)');
  return ok(`dispatchers that run: ${alive.map(({ slot, stopping }) => `${slot}${stopping ? ' (stopping)' : ''}`).join(', ')}`);
}

/** Whether the dispatchers run the same version with the same settings, as far as they say: what one accepts another runs. */
export function agreement(alive: readonly Holder[]): Answer | undefined {
  const told = alive.flatMap(({ slot, runs }) => (runs ? [{ slot, runs }] : []));
  const names = new Set(told.flatMap(({ runs }) => Object.keys(runs)));
  const differing = [...names].filter((name) => new Set(told.map(({ runs }) => runs[name])).size > 1);
  if (told.length < 2) return undefined;
  if (differing.length === 0) return ok('they run the same version with the same settings');
  const words = differing.map((name) => `${name} (${told.map(({ slot, runs }) => `${runs[name] ?? 'nothing'} in ${slot}`).join(', ')})`);
  return warn(
    `the dispatchers do not agree on ${words.join('; ')}: how a job is treated depends on which of them has it; restart those that are behind`,
  );
}

export function paused(spool: Spool): Answer | undefined {
  return isPaused(spool) ? warn(`the spool is paused: nothing is claimed until ${spool.paused} is removed (jobspool resume)`) : undefined;
}

/** A job that is due waits for so long only when something is wrong. */
const LATE_MS = 5 * 60_000;

/** Whether what is due is run, and what is dropped is accepted. */
export function backlog(spool: Spool, isServed: boolean, now: number): Answer {
  const due = ['pending', 'retrying'] as const;
  const names = due.flatMap((folder) => spool.disk.names(spool[folder]));
  const waiting = names.filter((name) => (parseJobName(name) ?? parseBatchName(name)) !== undefined && runAtOf(name) <= now);
  const jobs = waiting.reduce((sum, name) => sum + sizeOf(parseBatchName(name)), 0);
  const oldest = Math.min(now, ...minimum(waiting.map(runAtOf)));
  const dropped = spool.disk.names(spool.incoming).filter((name) => parseDropName(name).kind !== 'ignored');
  const words = `${jobs} jobs are due, the oldest for ${minutes(now - oldest)}; ${dropped.length} wait to be accepted`;
  const isStuck = dropped.length > 0 && oldestOf(spool, dropped, now) > LATE_MS;
  if (!isServed || (now - oldest <= LATE_MS && !isStuck)) return ok(words);
  if (isStuck)
    return fail(
      `${words}, one of them for more than ${minutes(LATE_MS)}: the dispatcher does not accept; look for why in logs/background_jobs_errors.log`,
    );
  return warn(`${words}: more runners, or shorter jobs, are needed (JOBSPOOL_RUNNERS), or the runners hang: jobspool stats`);
}

const sizeOf = (part: BatchName | undefined): number => (part ? part.to - part.from + 1 : 1);

// Math.min takes no list of a million.
const minimum = (numbers: number[]): number[] => (numbers.length === 0 ? [] : [numbers.reduce((least, one) => Math.min(least, one))]);

function oldestOf(spool: Spool, names: string[], now: number): number {
  const times = names.slice(0, MANY).flatMap((name) => spool.disk.facts(`${spool.incoming}/${name}`)?.ctimeMs ?? []);
  return now - Math.min(now, ...minimum(times));
}

const MANY = 1_000;
const minutes = (ms: number): string => `${Math.floor(ms / 60_000)} min`;

/** Names in `incoming/` that are never taken. */
export function ignoredNames(spool: Spool): Answer[] {
  const names = spool.disk.names(spool.incoming).filter((name) => parseDropName(name).kind === 'ignored' && !PROBE.test(name));
  // What is not UTF-8 was read with this character in place of what it could not be.
  const mangled = names.filter((name) => name.includes('\ufffd'));
  const others = names.filter((name) => !mangled.includes(name));
  const answers = [
    ...said(mangled, 'their names are not UTF-8: rename them'),
    ...said(others, 'names that begin with "." or do not end in .json or .ndjson are ignored: rename them to enqueue them'),
  ];
  return answers.length === 0 ? [ok('every name in incoming/ is one that is accepted')] : answers;
}

// Another doctor's.
const PROBE = /^\.doctor-\d+/;

function said(names: string[], why: string): Answer[] {
  if (names.length === 0) return [];
  const some = names.slice(0, 3).map((name) => JSON.stringify(name));
  const more = names.length > some.length ? ` and ${names.length - some.length} more` : '';
  return [warn(`ignored in incoming/: ${some.join(', ')}${more}; ${why}`)];
}

/** What producers left unfinished. */
export function drafts(spool: Spool, now: number): Answer | undefined {
  const old = [...inTmp({ spool, now, step: () => undefined })].filter(({ kind }) => kind === 'old-draft');
  if (old.length === 0) return undefined;
  const which = old.length === 1 ? '1 file' : `${old.length} files`;
  return warn(
    `${which} in tmp/ has not been touched for a day, such as ${JSON.stringify(old[0]?.file)}: a producer died before it submitted; mv it to incoming/, or the service removes it after 36 h`,
  );
}
