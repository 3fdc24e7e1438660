import { memberId } from '../batch-name.ts';
import type { Spool } from '../spool.ts';
import type { State } from '../state.ts';
import type { Entry } from './job-folder.ts';
import type { LedgerRows } from './ledger-rows.ts';
import type { Lines } from './lines.ts';
import type { Over } from './over.ts';
import type { Running } from './running.ts';
import type { Waiting } from './waiting.ts';

/** All that the catalog knows. */
export type Known = { spool: Spool; running: Running; waiting: Waiting; over: Over; ledger: LedgerRows };

/** How many jobs are in a state at `now` (milliseconds since the epoch). */
export function countOf({ running, waiting, over, ledger }: Known, state: State, now: number): number {
  switch (state) {
    case 'running':
      return running.items.length;
    case 'completed':
      return ledger.count;
    case 'failed':
    case 'cancelled':
    case 'rejected':
      return over.folders[state].size;
    default:
      return waiting.count(state, now);
  }
}

/** A job's file, and what is remembered of it. `id`: of a line, where the file is a batch's. */
export type KnownFile = Pick<Entry, 'name' | 'fact'> & { folder: Entry['folder'] | 'running'; id?: string };

/** The files of the jobs in a state, in no order; of batches those that `mayPass`. */
export function* filesIn(
  { running, waiting, over }: Known,
  state: Exclude<State, 'completed'>,
  now: number,
  mayPass: (batch: string) => boolean = () => true,
): Generator<KnownFile> {
  if (state === 'running') for (const { name } of running.items) yield { folder: 'running', name, fact: undefined };
  else if (state === 'failed' || state === 'cancelled' || state === 'rejected') yield* over.folders[state].entries();
  else {
    const { accepted, incoming } = waiting.items(state, now);
    for (const entry of accepted) yield* jobsOf(entry, mayPass);
    yield* incoming;
  }
}

function* jobsOf(entry: Entry, mayPass: (batch: string) => boolean): Generator<KnownFile> {
  if (!entry.lines) yield entry;
  else if (mayPass(entry.lines.id)) yield* lineFiles(entry.lines);
}

function* lineFiles(lines: Lines): Generator<KnownFile> {
  for (let line = lines.from; line <= lines.to; line++)
    yield { folder: 'pending', name: '', fact: undefined, id: memberId(lines.id, line) };
}

/** A number that changes with every change in a state's jobs. */
export function versionOf({ running, waiting, over, ledger }: Known, state: State): number {
  switch (state) {
    case 'running':
      return running.version;
    case 'completed':
      return ledger.version;
    case 'failed':
    case 'cancelled':
    case 'rejected':
      return over.versions[state];
    default:
      return waiting.versions[state];
  }
}
