/** What must be on the disk after the main run. */
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Checks } from './checks.ts';
import type { Body, Enqueued, Fate, Planned } from './plan.ts';
import type { LogLine, SpoolView } from './spool-view.ts';

/** Each output is its input, byte for byte, and there is no file besides. */
export function verifyOutputs(checks: Checks, output: string, files: Planned[]): void {
  const pairs = files.map(({ body }) => (body as Body).params as [string, string]);
  const differing = pairs.filter(([from, to]) => !fs.existsSync(to) || !gunzipSync(fs.readFileSync(to)).equals(fs.readFileSync(from)));
  checks.none(
    `${files.length} files come out of gunzip byte for byte`,
    differing.map(([from]) => from),
  );
  const expected = new Set(pairs.map(([, to]) => to));
  const found = fs.readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const others = found.map((entry) => path.join(entry.parentPath, entry.name)).filter((file) => !expected.has(file));
  checks.none('no other file is beside them: no draft, nothing of a job that was refused, cancelled or failed', others);
}

/** Each job ended where it must, once, with the attempts it must have. */
export function verifyStates(checks: Checks, spool: SpoolView, enqueued: Enqueued[]): void {
  const ledger = spool.ledger();
  checks.equal('the completed jobs, each in the ledger exactly once', ledger.map(({ id }) => id).sort(), idsOf(enqueued, 'completed'));
  checks.none(
    'each of them completed at its first attempt',
    ledger.filter(({ attempts }) => attempts.length !== 1 || attempts[0]?.outcome !== 'completed').map(({ id }) => id),
  );
  const failed = spool.jobs('failed');
  checks.equal('the jobs without an input are in failed/', failed.map(({ id }) => id).sort(), idsOf(enqueued, 'failed'));
  checks.equal(
    'each of them has its three attempts, with the error',
    failed.map(({ attempts }) =>
      attempts.map(({ number, outcome, error }) => [number, outcome, /no such file/.test(error?.message ?? '')]),
    ),
    failed.map(() => [1, 2, 3].map((number) => [number, 'failed', true])),
  );
  const cancelled = spool.jobs('cancelled');
  checks.equal('the two cancelled jobs are in cancelled/', cancelled.map(({ id }) => id).sort(), idsOf(enqueued, 'cancelled'));
  checks.none(
    'neither of them was begun',
    cancelled.filter(({ attempts }) => attempts.length > 0).map(({ id }) => id),
  );
  const reasons = spool.reasons();
  checks.equal('four requests are in rejected/', reasons.length, 4);
  for (const sentence of REASONS) checks.equal(`one says ${sentence}`, reasons.filter((reason) => sentence.test(reason)).length, 1);
}

/** Both logs tell the whole story, and only that. */
export function verifyLogs(checks: Checks, spool: SpoolView, enqueued: Enqueued[]): void {
  const events = spool.log('background_jobs');
  const errors = spool.log('background_jobs_errors');
  const storyOf = storiesIn(events);
  for (const [fate, story] of Object.entries(STORIES)) {
    const odd = enqueued.filter((job) => job.fate === fate && storyOf.get(job.id) !== story);
    checks.none(
      `background_jobs.log says of each job to be ${fate}: ${story}`,
      odd.map(({ id }) => `${id}: ${storyOf.get(id)}`),
    );
  }
  checks.equal('background_jobs.log has the four refusals', events.filter(({ event }) => event === 'rejected').length, 4);
  const failures = errors.filter(({ event }) => event === 'failed');
  checks.equal('background_jobs_errors.log has the three failures', failures.map(({ id }) => id).sort(), idsOf(enqueued, 'failed'));
  checks.none(
    'each of them with its stack',
    failures.filter(({ err }) => !err?.stack?.includes('compress-file')).map(({ id }) => String(id)),
  );
  const refusals = errors.filter(({ event }) => event === 'rejected').map(({ reason }) => reason);
  checks.equal('it has the four refusals with their reasons', refusals.sort(), spool.reasons().sort());
  checks.equal('it has nothing else', errors.length, failures.length + refusals.length);
}

/** The service has stopped: nothing of a job, a runner or a producer is left behind. */
export function verifyNothingLeft(checks: Checks, spool: SpoolView): void {
  for (const folder of ['tmp', 'incoming', 'pending', 'retrying', 'running', 'cancel'])
    checks.none(`nothing is left in ${folder}/`, spool.files(folder));
}

const REASONS = [
  /^class "Nobody" is not on the allow-list/,
  /^method "constructor" of class "CompressFile" is not allowed/,
  /^the body is not JSON: .*end of JSON input/,
  /^the body is not JSON: .*gzip packa/,
];

const STORIES: Partial<Record<Fate, string>> = {
  completed: 'accepted running completed',
  failed: 'accepted running retrying running retrying running failed',
  cancelled: 'accepted cancelled',
};

/** The events of each job in the order of the log, as one text. */
function storiesIn(events: LogLine[]): Map<string, string> {
  const stories = new Map<string, string>();
  for (const { id, event } of events) {
    if (id !== undefined && event !== undefined) stories.set(id, [stories.get(id) ?? [], event].flat().join(' '));
  }
  return stories;
}

function idsOf(enqueued: Enqueued[], fate: Fate): string[] {
  return enqueued
    .filter((job) => job.fate === fate)
    .map(({ id }) => id)
    .sort();
}
