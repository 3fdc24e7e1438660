/** What a page shows, as a text that changes when that does: so a stream knows whether its page is out of date. */
import { createHash } from 'node:crypto';
import { ERRORS_FILE, EVENTS_FILE } from '../spool/layout.ts';
import type { JobStatus } from '../spool/query.ts';
import type { Spool } from '../spool/spool.ts';
import { STATES, type State } from '../spool/state.ts';
import type { Dashboard } from './dashboard.ts';

/** A page that can be open. `state` is the tab of the job list (undefined: every state); `drawn`, the mark of the job when its page was drawn. */
export type View =
  | { view: 'overview' | 'failures' | 'runners' | 'logs' }
  | { view: 'jobs'; state?: State | undefined }
  | { view: 'operation'; id: string }
  | { view: 'job'; id: string; drawn?: string | undefined };

/** `main`: what the page is about. `aside`: what stands in it beside that, such as the counts of other states; it may be a little late. */
export type Marks = { main: string; aside: string };

/** How often a stream may say that its page is out of date, in milliseconds: the more pages are open, the more rarely each is drawn again. */
export const gapMs = (clients: number): number => Math.min(10_000, Math.max(1_000, clients * 100));

/** Whether a page that showed `seen` is to be told now, `sinceMs` after it was told last. */
export function isDue(seen: Marks, now: Marks, sinceMs: number, gap: number): boolean {
  if (sinceMs < gap) return false;
  return seen.main !== now.main || (seen.aside !== now.aside && sinceMs >= ASIDE_IS_RARER * gap);
}

/** The versions of all states, for the page to send back when it opens its stream: what changed between is not missed. */
export const versionsOf = ({ catalog }: Pick<Dashboard, 'catalog'>): string => STATES.map((state) => catalog.version(state)).join('.');

/** What a page shows by what the catalog and the spool's folders know now, or knew at the versions `at`. Jobs are looked at one by one: see `jobMark`. */
export function marksOf({ catalog, spool }: Pick<Dashboard, 'catalog' | 'spool'>, view: View, at = versionsOf({ catalog })): Marks {
  const version = (state: State) => at.split('.')[STATES.indexOf(state)] ?? '';
  const slots = () => spool.disk.names(spool.running).sort().join();
  const paused = () => String(spool.disk.exists(spool.paused));
  switch (view.view) {
    case 'jobs':
      return view.state ? { main: version(view.state), aside: at } : { main: at, aside: '' };
    case 'failures':
      return { main: version('failed'), aside: '' };
    case 'overview':
      return { main: `${at} ${paused()} ${slots()}`, aside: '' };
    case 'runners':
      return { main: `${version('running')} ${paused()} ${slots()}`, aside: at };
    case 'logs':
      return {
        main: logs(spool)
          .map((file) => spool.disk.facts(file)?.size)
          .join(),
        aside: '',
      };
    case 'operation':
      // Its page is live only while it goes on: there is something new at each look.
      return { main: String(Date.now()), aside: '' };
    case 'job':
      return { main: view.drawn ?? '', aside: '' };
  }
}

/** What was changed after the page was drawn (`at`, milliseconds since the epoch) and stands in no version: markers, slots, logs. */
export function isTouchedSince({ spool }: Pick<Dashboard, 'spool'>, { view }: View, at: number): boolean {
  return PLACES[view]?.(spool).some((place) => (spool.disk.facts(place)?.mtimeMs ?? 0) >= at - COARSE_MS) ?? false;
}

/** After how many milliseconds a page is drawn again though nothing is known to have changed: it shows ages, and who is alive. */
export const AGES_MS: Partial<Record<View['view'], number>> = { overview: 10_000, runners: 10_000, jobs: 30_000, failures: 30_000 };

/** What the page of a job shows of it, as a short text. Its page sends it back: what changes before the first look is not missed. */
export function jobMark(job: JobStatus | undefined): string {
  if (!job) return 'unknown';
  const { state, priority, runAt, startedAt, finishedAt, attempts, progress, runner, cancelling } = job;
  const shown = [state, priority, runAt, startedAt, finishedAt, attempts.length, progress, runner, cancelling].join();
  return createHash('sha256').update(shown).digest('base64url').slice(0, 12);
}

const ASIDE_IS_RARER = 5;

const logs = (spool: Spool): string[] => [EVENTS_FILE, ERRORS_FILE].map((name) => `${spool.logs}/${name}`);
// The marker of a pause lies in the root.
const folders = (spool: Spool): string[] => [spool.root, spool.running];

const PLACES: Partial<Record<View['view'], (spool: Spool) => string[]>> = { overview: folders, runners: folders, logs };
/** File systems tell the time less exactly than we do. */
const COARSE_MS = 20;
