import type { Counts, FailureGroup } from '../spool/catalog.ts';
import { formatDuration } from '../spool/duration.ts';
import { type Room, shortageOf } from '../spool/room.ts';
import type { SlotView } from '../spool/slots.ts';
import { inert } from './inert.ts';
import { shortageSentence } from './trouble.ts';
import type { Query } from './urls.ts';
import { byteSize, counted, figure } from './views/figures.ts';
import { handlerName } from './views/job-link.ts';

/** What is known of the service at one moment, from which is decided what needs attention. */
export type Snapshot = {
  /** Why the spool cannot be used. */
  unusable?: string | undefined;
  counts: Counts;
  slots: readonly Pick<SlotView, 'kind' | 'life' | 'jobs' | 'stopping' | 'draining'>[];
  isPaused: boolean;
  room: Room;
  /** Under this nothing is accepted or claimed. */
  minFreeBytes: number;
  oldestPendingMs: number | undefined;
  /** Jobs that completed or failed within the last hour. */
  endedLastHour: number;
  /** Of the last hour. */
  failures: readonly FailureGroup[];
  /** Files rejected within the last hour. `isMore`: there are more, and they were not counted. */
  rejected: { count: number; isMore: boolean };
  unread: { ledgerBytes: number; files: number };
};

/** Something that a person should look at: a sentence, and the page on which to act. */
export type Concern = { kind: string; text: string; link: { path: string; query?: Query; text: string } };

/** What needs attention now, the gravest first; none when all is well. */
export function concernsIn(snapshot: Snapshot): Concern[] {
  return RULES.flatMap((rule) => rule(snapshot) ?? []);
}

/** A job that has been due for longer is late, in milliseconds. */
const LATE_MS = 60_000;
/** So often within an hour, and the same failure is no accident. */
const REPEATED = 5;
/** Of failures that repeat themselves so many are named; the page of failures has the rest. */
const NAMED_FAILURES = 3;
/** The disk is worth a warning while it has less than this many times what it must have. */
const NEARLY = 2;
/** So much of an error is said, in characters. */
const MAX_ERROR = 119;
const HOUR_MS = 3_600_000;

const RUNNERS = { path: '/dashboard/runners', text: 'Runners' };
const SETTINGS = { path: '/dashboard/settings', text: 'Where the spool is' };
const PENDING = { path: '/dashboard/jobs', query: { state: 'pending' }, text: 'Pending jobs' };

const RULES: ((snapshot: Snapshot) => Concern | Concern[] | undefined)[] = [
  unusableSpool,
  noDispatcher,
  noRunner,
  paused,
  diskLow,
  deadSlots,
  backlogGrows,
  late,
  repeatedFailures,
  rejectedFiles,
  stillReading,
];

const living = ({ slots }: Snapshot, kind: 'dispatcher' | 'runner') => slots.filter((slot) => slot.kind === kind && slot.life === 'alive');

const hasDispatcher = (snapshot: Snapshot): boolean => living(snapshot, 'dispatcher').some(({ stopping }) => !stopping);
const hasRunner = (snapshot: Snapshot): boolean => living(snapshot, 'runner').some(({ draining }) => !draining);

function unusableSpool({ unusable }: Snapshot): Concern | undefined {
  return unusable === undefined ? undefined : { kind: 'unusable', text: unusable, link: SETTINGS };
}

function noDispatcher(snapshot: Snapshot): Concern | undefined {
  if (hasDispatcher(snapshot)) return undefined;
  const what = living(snapshot, 'dispatcher').length > 0 ? 'Every dispatcher is stopping' : 'No dispatcher is alive';
  return {
    kind: 'no-dispatcher',
    text: `${what}: nothing new is accepted or run, and what is submitted waits. Start one with jobspool serve or jobspool dispatch.`,
    link: RUNNERS,
  };
}

// Without a dispatcher there are no runners either: one cause, one sentence.
function noRunner(snapshot: Snapshot): Concern | undefined {
  if (!hasDispatcher(snapshot) || hasRunner(snapshot)) return undefined;
  const draining = living(snapshot, 'runner').length;
  const text =
    draining > 0
      ? `${draining === 1 ? 'The only runner is' : `All ${figure(draining)} runners are`} draining: nothing new is run until another one is ready.`
      : 'No runner is alive, so nothing is run. The dispatcher starts them: if none comes within seconds, the errors say why.';
  return { kind: 'no-runner', text, link: { path: '/job-logs', query: { log: 'errors' }, text: 'Errors' } };
}

function paused({ isPaused, counts, oldestPendingMs = 0 }: Snapshot): Concern | undefined {
  if (!isPaused) return undefined;
  const due =
    counts.pending > 0 ? `; ${counted(counts.pending, 'job is', 'jobs are')} due, the oldest for ${formatDuration(oldestPendingMs)}` : '';
  return { kind: 'paused', text: `Paused: nothing new is run until it is resumed${due}.`, link: { ...RUNNERS, text: 'Resume' } };
}

function diskLow({ room, minFreeBytes }: Snapshot): Concern | undefined {
  const shortage = shortageOf(room, minFreeBytes);
  const { freeBytes } = room;
  if (!shortage && freeBytes >= minFreeBytes * NEARLY) return undefined;
  const text = shortage
    ? shortageSentence(shortage)
    : `Only ${byteSize(freeBytes)} are free on the spool's disk: under ${byteSize(minFreeBytes)} (JOBSPOOL_MIN_FREE) nothing is accepted or run.`;
  return { kind: 'disk-low', text, link: { path: '/dashboard/settings', text: 'Retention and space' } };
}

function deadSlots({ slots }: Snapshot): Concern | undefined {
  const dead = slots.filter(({ kind, life }) => kind !== 'dispatcher' && kind !== 'tool' && life !== 'alive');
  if (dead.length === 0) return undefined;
  const jobs = dead.reduce((sum, slot) => sum + slot.jobs.length, 0);
  const left = jobs > 0 ? ` with ${counted(jobs, 'job')}` : '';
  return {
    kind: 'dead-slots',
    text: `${counted(dead.length, 'dead runner waits', 'dead runners wait')} for rescue${left}: the next look of a dispatcher takes over.`,
    link: RUNNERS,
  };
}

// A burst that has just come is no backlog: something must have waited for a while too. While nothing runs at all, the pace says nothing.
function backlogGrows(snapshot: Snapshot): Concern | undefined {
  const { counts, oldestPendingMs = 0, endedLastHour, isPaused } = snapshot;
  if (isPaused || !hasDispatcher(snapshot) || oldestPendingMs <= LATE_MS || counts.pending <= endedLastHour) return undefined;
  const due = `${counted(counts.pending, 'job is', 'jobs are')} due`;
  const text =
    endedLastHour === 0
      ? `${due}, and none ended in the last hour.`
      : `${due}, more than the ${figure(endedLastHour)} that ended in the last hour: at that pace they take ${formatDuration((counts.pending / endedLastHour) * HOUR_MS)}.`;
  return { kind: 'backlog', text, link: PENDING };
}

// Of a pause the sentence says it already.
function late({ oldestPendingMs = 0, isPaused }: Snapshot): Concern | undefined {
  if (isPaused || oldestPendingMs <= LATE_MS) return undefined;
  return {
    kind: 'late',
    text: `Jobs run late: one that is due has been waiting for ${formatDuration(oldestPendingMs)}.`,
    link: PENDING,
  };
}

function repeatedFailures({ failures }: Snapshot): Concern[] {
  const repeated = failures.filter(({ count }) => count >= REPEATED);
  const link = { path: '/dashboard/failures', query: { window: '1h' }, text: 'Failures' };
  const named = repeated.slice(0, NAMED_FAILURES).map(({ class: name, method, count, error }) => ({
    kind: 'failures',
    text: `${handlerName({ class: name, method })} failed ${counted(count, 'time')} in the last hour: ${inert(error, MAX_ERROR)}`,
    link,
  }));
  const rest = repeated.slice(NAMED_FAILURES);
  if (rest.length === 0) return named;
  const jobs = rest.reduce((sum, { count }) => sum + count, 0);
  const others = counted(rest.length, 'other error', 'other errors');
  return [...named, { kind: 'failures', text: `${others} ended ${counted(jobs, 'job')} in the last hour.`, link }];
}

function rejectedFiles({ rejected: { count, isMore } }: Snapshot): Concern | undefined {
  if (count === 0) return undefined;
  const files = isMore ? `More than ${counted(count, 'file was', 'files were')}` : counted(count, 'file was', 'files were');
  return {
    kind: 'rejected',
    text: `${files} rejected in the last hour: each has its reason beside it.`,
    link: { path: '/dashboard/jobs', query: { state: 'rejected' }, text: 'Rejected' },
  };
}

function stillReading({ unread: { ledgerBytes, files } }: Snapshot): Concern | undefined {
  if (ledgerBytes === 0 && files === 0) return undefined;
  const left = [ledgerBytes > 0 ? `${byteSize(ledgerBytes)} of the ledger` : '', files > 0 ? counted(files, 'file') : ''];
  return {
    kind: 'unread',
    text: `What is over is still being read (${left.filter((part) => part !== '').join(' and ')} to go): until then its counts and lists are not whole.`,
    link: { path: '/dashboard/jobs', query: { state: 'completed' }, text: 'Completed jobs' },
  };
}
