import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { who } from '../../spool/denial.ts';
import { disk } from '../../spool/disk.ts';
import { messageOf, SpoolError } from '../../spool/errors.ts';
import type { LookOptions } from '../../spool/fsck/look.ts';
import { goneLine, type Sums, type Where } from '../../spool/fsck/sums.ts';
import { type Flaw, flaws, lasting } from '../../spool/fsck.ts';
import { FOLDERS, layout } from '../../spool/layout.ts';
import { Liveness } from '../../spool/liveness.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Config } from '../config.ts';
import { colour, oneLine, print, printJson } from '../output.ts';
import { progressLine } from '../progress-line.ts';
import { EXIT } from './exit.ts';
import { configOf } from './settings.ts';

type FsckFlags = { repair?: true; dryRun?: true; json?: true };

/** `fsck`: look the whole spool over. */
export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description('check every file of the spool, and that no accepted job is missing; a service may run meanwhile')
    .option('--repair', 'put right what needs no decision; no job is deleted: what counts twice goes to rejected/, with its reason')
    .option('--dry-run', 'with --repair: only say what it would do')
    .option('--json', 'print a JSON object per finding: kind, level, file, what it is, whether it was repaired; the sums at last')
    .addHelpText('after', HELP)
    .action(async (flags: FsckFlags, command: Command) => {
      const config = configOf(command);
      const spool = spoolAsItIs(config);
      const { left, sums } = await lookAndRepair(spool, config, flags);
      if (sums) say(sums, flags);
      await putOnRecord(spool, left, flags);
      if (left.length > 0) process.exitCode = EXIT.failed;
    });
}

const HELP = `
Without --repair nothing is written. A "wrong" affects a job or its record, a "note" nothing. What dead runners left is settled by the
next dispatcher. Exits with 1 when something is wrong and was not repaired; notes alone are no reason.

The last lines count the jobs that are there, and those that the service's log says were accepted: each of them must be somewhere, or the log
must say that it ended. A job whose file was removed by rm shows as vanished; --repair writes that to the error log, once.

Examples:
  $ jobspool fsck
  $ jobspool fsck --repair --dry-run
  $ jobspool fsck --repair --json`;

const PAUSE_MS = 300;

// Not opened: that would make what is missing, and refuse what is to be explained.
function spoolAsItIs({ dir, durability }: Config): Spool {
  const spool: Spool = { ...layout(dir), disk, durability };
  try {
    disk.names(spool.root);
  } catch (error) {
    throw new SpoolError(
      'SPOOL_ACCESS',
      `check the spool ${spool.root} as ${who()}: ${messageOf(error)}; run fsck as the service's user, or as root`,
    );
  }
  if (disk.exists(spool.version) || FOLDERS.filter((folder) => disk.exists(spool[folder])).length >= FOLDERS.length / 2) return spool;
  throw new SpoolError(
    'SPOOL_ACCESS',
    `check the spool ${spool.root}: expected a spool there, found none. Name it with --dir or JOBSPOOL_DIR; jobspool serve makes a new one.`,
  );
}

/** To put one thing aside may bring another to light, but not for ever. */
const MAX_ROUNDS = 3;

/** What is wrong and was not repaired, and the sums of the last look. */
async function lookAndRepair(spool: Spool, config: Config, flags: FsckFlags): Promise<{ left: Flaw[]; sums: Sums | undefined }> {
  const told = new Set<string>();
  for (let round = 1; ; round++) {
    const { found, sums } = await lastingFlaws(spool, config);
    const fresh = found.filter(({ what }) => !told.has(what));
    const repaired = fresh.filter((flaw) => handle(flaw, flags));
    for (const { what } of fresh) told.add(what);
    if (told.size === 0 && !flags.json) print(`${spool.root}: nothing is wrong`);
    if (repaired.length > 0 && round < MAX_ROUNDS) continue;
    return { left: found.filter((flaw) => flaw.level === 'wrong' && !repaired.includes(flaw)), sums };
  }
}

async function lastingFlaws(spool: Spool, config: Config): Promise<{ found: Flaw[]; sums: Sums | undefined }> {
  const progress = progressLine();
  const options = { keep: config, onProgress: (text: string) => progress.show(oneLine(text)) };
  try {
    const first = look(spool, config.staleMs, options);
    if (first.found.length === 0) return first;
    await sleep(PAUSE_MS);
    const second = look(spool, config.staleMs, options);
    const found = lasting(first.found, second.found);
    return { found, sums: second.sums && { ...second.sums, addsUp: !found.some(({ kind }) => kind === 'vanished') } };
  } finally {
    progress.clear();
  }
}

function look(spool: Spool, staleMs: number, options: LookOptions): { found: Flaw[]; sums: Sums | undefined } {
  const found: Flaw[] = [];
  const looking = flaws(spool, new Liveness(spool, staleMs), options);
  for (let next = looking.next(); ; next = looking.next()) {
    if (next.done) return { found, sums: next.value };
    found.push(next.value);
  }
}

/** Says what is wrong, repairs it if that is asked for, and returns whether it was. */
function handle(flaw: Flaw, { repair, dryRun, json }: FsckFlags): boolean {
  const outcome = repair && !dryRun && flaw.repair ? attempt(flaw.repair) : undefined;
  if (json) printJson(asJson(flaw, outcome));
  else
    print(
      `${colour(flaw.level === 'wrong' ? 'red' : 'yellow', flaw.level.padEnd(5))}  ${oneLine(flaw.what)}${hint(flaw, outcome, repair === true)}`,
    );
  return outcome?.done === true;
}

function asJson({ repair, ...facts }: Flaw, outcome: Attempted | undefined): object {
  if (!outcome) return { ...facts, repairable: repair !== undefined, ...(repair ? { repair: repair.how } : {}) };
  return { ...facts, repairable: true, ...(outcome.done ? { repaired: repair?.how } : { notRepaired: outcome.why }) };
}

type Attempted = { done: boolean; why: string };

function attempt(remedy: NonNullable<Flaw['repair']>): Attempted {
  try {
    return { done: remedy.act(), why: 'it has changed meanwhile; nothing was done' };
  } catch (error) {
    return { done: false, why: messageOf(error) };
  }
}

function hint({ repair: remedy }: Flaw, outcome: Attempted | undefined, wasAsked: boolean): string {
  if (!remedy) return '';
  if (outcome) return outcome.done ? ` [repaired: ${oneLine(remedy.how)}]` : ` [not repaired: ${oneLine(outcome.why)}]`;
  return wasAsked ? ` [would have ${oneLine(remedy.how)}]` : ' [--repair puts it right]';
}

const WAITING = ['pending', 'retrying'] as const satisfies Where[];

function say(sums: Sums, { json }: FsckFlags): void {
  if (json) return printJson({ kind: 'sums', ...sums });
  const { onDisk, accepted } = sums;
  print(`on disk   ${inWords(onDisk)}, ${onDisk.rejected} rejected, ${onDisk.incoming} in incoming/`);
  if (accepted.since === undefined)
    return print('accepted  unknown: the service log says nothing (it was cleared, or JOBSPOOL_LOG_LEVEL leaves it out)');
  const rest = [
    accepted.rejected > 0 ? `${accepted.rejected} rejected later` : '',
    accepted.incoming > 0 ? `${accepted.incoming} handed in again` : '',
    accepted.removed > 0 ? `${accepted.removed} over and removed since` : '',
    accepted.tooOld > 0 ? `${accepted.tooOld} older than what is kept` : '',
    accepted.nowhere > 0 ? `${accepted.nowhere} nowhere` : '',
  ];
  const verdict = sums.addsUp ? 'every one is accounted for' : 'it does not add up';
  const right = [inWords(accepted), ...rest.filter((words) => words !== '')].join(' + ').replaceAll(', ', ' + ');
  print(
    `accepted  ${accepted.total} since ${accepted.since}, by the service log = ${right}: ${colour(sums.addsUp ? 'green' : 'red', verdict)}`,
  );
}

function inWords(counts: Record<Where, number>): string {
  const waiting = WAITING.reduce((sum, where) => sum + counts[where], 0);
  return `${counts.completed} completed, ${counts.failed} failed, ${counts.cancelled} cancelled, ${waiting} waiting, ${counts.running} running`;
}

// A person is told once; after that it is in the log, where errors are looked for.
async function putOnRecord(spool: Spool, left: Flaw[], { repair, dryRun }: FsckFlags): Promise<void> {
  const gone = left.filter(({ kind }) => kind === 'vanished');
  if (!repair || dryRun || gone.length === 0) return;
  const { EventLog } = await import('../../jobs/event-log.ts');
  const log = new EventLog(spool);
  for (const flaw of gone) log.error(goneLine(flaw), { id: flaw.id });
  log.close();
}
