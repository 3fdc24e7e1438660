/** Whether the spool is as the model says: every file, every record, and what each reader makes of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Attempt } from '../../spool/attempt.ts';
import { parseFilter } from '../../spool/filter.ts';
import { flaws } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { completedLines, countByState, type JobStatus, jobStatus, locate } from '../../spool/query.ts';
import type { Request } from '../../spool/request.ts';
import { isFinal, STATES, type State } from '../../spool/state.ts';
import { waitForJob } from '../../spool/wait.ts';
import { batchOf, iso, type Model, type ModelJob, stateOf, TICK_MS } from './model.ts';
import type { World } from './world.ts';

/** Throws an AssertionError that says what differs. */
export async function compare(model: Model, world: World): Promise<void> {
  compareFiles(model, world);
  compareTexts(model, world);
  compareIdle(model, world);
  compareLines(model, world);
  compareLedger(model, world);
  // The readers take turns: all of them each time would cost more than all the rest.
  const turn = (model.now / TICK_MS) % 4;
  const ids = idsOf(model).filter((_, index) => index % 4 === turn);
  compareStatuses(model, world, ids);
  if (turn === 0) compareCounts(model, world);
  if (turn === 1) await compareCatalog(model, world, ids);
  if (turn === 2) compareFlaws(model, world);
}

/** As `compare`, with every reader and every id. */
export async function compareAll(model: Model, world: World): Promise<void> {
  compareFiles(model, world);
  compareTexts(model, world);
  compareIdle(model, world);
  compareLines(model, world);
  compareLedger(model, world);
  compareStatuses(model, world, idsOf(model));
  compareCounts(model, world);
  await compareCatalog(model, world, idsOf(model));
  compareFlaws(model, world);
  await compareWaits(model, world);
}

function compareFiles(model: Model, world: World): void {
  const expected = [
    ...model.jobs.filter(({ where, recorded }) => where !== 'completed' || recorded).flatMap(placesIn),
    ...model.in('rejected').map(({ name }) => `rejected/${name}.reason.json`),
    ...[...model.markers.keys()].map((id) => `cancel/${id}`),
    ...(model.paused ? ['paused'] : []),
  ];
  assert.deepEqual(filesOf(world).sort(), expected.sort(), 'the files of the spool');
  assert.deepEqual(fs.readdirSync(world.spool.tmp), [], 'what is left in tmp/');
}

/** Where a job's file is, as a path in the spool; of a line of a batch, where it would be. */
function placeIn({ where, name, slot, bound, batch }: ModelJob): string {
  if (batch !== undefined) return slot === undefined ? `${where}/${name} in its batch` : `running/${slot}/${name} in its batch`;
  if (where !== 'running') return `${where}/${name}`;
  return `running/${slot}/${bound ? `.${bound.to}=${bound.name}` : name}`;
}

/** Of a job whose runner died in the middle of settling, the old file may be there too. */
const placesIn = (job: ModelJob): string[] => (job.bound?.hasOld ? [placeIn(job), placeIn({ ...job, bound: undefined })] : [placeIn(job)]);

const FOLDERS = ['incoming', 'pending', 'retrying', 'failed', 'cancelled', 'rejected', 'cancel'] as const;

function filesOf(world: World): string[] {
  const { spool, held } = world;
  const slots = fs.readdirSync(spool.running).filter((name) => fs.statSync(path.join(spool.running, name)).isDirectory());
  const plain = FOLDERS.flatMap((folder) => fs.readdirSync(spool[folder]).map((name) => `${folder}/${name}`));
  return [
    ...plain.filter((place) => !isPartIn('pending', place)),
    ...world.lines(spool.pending).map(({ name }) => `pending/${name} in its batch`),
    ...slots.flatMap((slot) => filesIn(world, slot)),
    ...fs.readdirSync(held).map((name) => `held/${name}`),
    ...(fs.existsSync(spool.paused) ? ['paused'] : []),
  ];
}

function filesIn(world: World, slot: string): string[] {
  const { spool } = world;
  const names = fs.readdirSync(spool.slot(slot));
  return [
    ...names.filter((name) => !name.endsWith('.ndjson')).map((name) => `running/${slot}/${name}`),
    ...world.lines(spool.slot(slot)).map(({ name }) => `running/${slot}/${name} in its batch`),
  ];
}

const isPartIn = (folder: string, place: string): boolean => place.startsWith(`${folder}/`) && place.endsWith('.ndjson');

/** A runner that has nothing in its hand holds no file: a part goes when all its jobs are over. */
function compareIdle(model: Model, { spool }: World): void {
  for (const { slot } of model.slots.filter(({ life, job }) => life === 'alive' && !job))
    assert.deepEqual(fs.readdirSync(spool.slot(slot)), [], `what the idle runner ${slot} holds`);
}

/** The text of a line, wherever its part is. */
function compareLines(model: Model, world: World): void {
  const folders = new Set(
    model.jobs.flatMap(({ batch, slot }) => (batch === undefined ? [] : [slot ? world.spool.slot(slot) : world.spool.pending])),
  );
  for (const folder of folders)
    for (const { name, line, file } of world.lines(folder)) {
      const job = model.jobs.find((one) => one.batch !== undefined && one.name === name);
      const text = fs.readFileSync(path.join(folder, file), 'utf8').split('\n')[line - 1] as string;
      assert.deepEqual(JSON.parse(text).params, [job?.serial], `what line ${line} of ${file} says`);
    }
}

function compareTexts(model: Model, { spool }: World): void {
  for (const job of model.jobs) {
    if (job.body !== 'good' || job.where === 'completed' || job.where === 'held' || job.batch !== undefined || job.members) continue;
    const place = placeIn(job);
    const text = JSON.parse(fs.readFileSync(path.join(spool.root, place), 'utf8')) as Partial<Request>;
    const { outcomes, spent, crashes, snoozes, acceptedAt } = job.bound ? { ...job, ...job.bound.after } : job;
    const expected = { params: [job.serial], outcomes, spent, crashes, snoozes, acceptedAt: acceptedAt && iso(acceptedAt) };
    const { params, attempts = [] } = text;
    const found = { spent: text.spent ?? 0, crashes: text.crashes ?? 0, snoozes: text.snoozes ?? 0, acceptedAt: text.acceptedAt };
    assert.deepEqual({ params, outcomes: outcomesOf(attempts), ...found }, expected, `what ${place} says`);
  }
}

function outcomesOf(attempts: Attempt[]): string[] {
  assert.deepEqual(
    attempts.map(({ number }) => number),
    attempts.map((_, index) => index + 1),
    'the numbers of the attempts',
  );
  return attempts.map(({ outcome }) => outcome);
}

function compareLedger(model: Model, { spool }: World): void {
  const lines = [...completedLines(spool)].map(({ params, attempts, id, acceptedAt }) => [
    id,
    (params as number[])[0],
    outcomesOf(attempts).join(),
    acceptedAt,
  ]);
  const done = model.jobs.filter(({ where, recorded }) => where === 'completed' || recorded);
  const expected = done.map(({ id, serial, outcomes, acceptedAt, writtenAt, recorded }) => [
    id,
    serial,
    [...outcomes, ...(recorded ? ['completed'] : [])].join(),
    iso(acceptedAt ?? writtenAt),
  ]);
  assert.deepEqual(lines.map(String).sort(), expected.map(String).sort(), 'the lines of the ledger');
}

/** What a status says of a job, as far as the model knows it. */
function said(status: JobStatus): object {
  const { id, state, attempts, priority, runAt, class: className, params } = status;
  return { id, state, priority, runAt, class: className, params, outcomes: attempts.map(({ outcome }) => outcome) };
}

/** The model knows no time for a name without one, and no text where there is none to read. */
function expectedStatus(model: Model, job: ModelJob, found: JobStatus): object {
  // Of a job whose runner died while it settled, the old text counts while it is there.
  const { outcomes, runAt: due, priority } = job.bound && !job.bound.hasOld ? { ...job, ...job.bound.after } : job;
  const text = job.body === 'good' && !job.members ? { class: job.class, params: [job.serial] } : { class: undefined, params: undefined };
  const first = job.where === 'completed' ? found.runAt : undefined;
  const runAt = first ?? (due === 'now' ? iso(model.now) : iso(due));
  return { id: job.id, state: stateOf(job, model.now), priority, runAt, outcomes, ...text };
}

/** The ids that the test uses; made ones come on top. */
const idsOf = (model: Model): string[] => [...new Set(['a', 'b', 'c', 'a.1', 'b.2', ...model.jobs.flatMap(({ id }) => id ?? [])])];

function compareStatuses(model: Model, { spool }: World, ids: string[]): void {
  for (const id of ids) {
    const job = model.known(id);
    if (isAmbiguous(model, id)) continue;
    const status = jobStatus(spool, id, model.now);
    assert.equal(status?.state, job && stateOf(job, model.now), `the state of ${id}`);
    if (status && job) assert.deepEqual(said(status), expectedStatus(model, job, status), `the status of ${id}`);
    const located = model.located(id);
    const place = locate(spool, id, model.now)?.file ?? '';
    const isThere = located?.batch !== undefined || (located ? placesIn(located) : ['']).includes(path.relative(spool.root, place));
    assert.ok(isThere || place === '', `where ${id} is: ${place}`);
    assert.equal(place === '', located === undefined, `whether ${id} is anywhere`);
  }
}

/** Two requests of one id that are not accepted yet: either may be told. So it is with the lines of a batch that is not accepted: what is done, is done to the whole. */
export function isAmbiguous(model: Model, id: string): boolean {
  if (model.in('incoming', 'rejected').some((file) => file.members && file.id !== undefined && file.id === batchOf(id))) return true;
  return !model.live(id) && model.in('incoming').filter((job) => job.id === id).length > 1;
}

function compareCounts(model: Model, { spool }: World): void {
  assert.deepEqual(countByState(spool, model.now), countsOf(model), 'the counts');
}

function countsOf(model: Model): Record<State, number> {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
  for (const job of listed(model)) counts[stateOf(job, model.now) as State] += 1;
  counts.completed += model.jobs.filter(({ recorded }) => recorded).length;
  return counts;
}

const listed = (model: Model): ModelJob[] =>
  model.jobs.filter(({ where, name }) => where !== 'held' && /\.(nd)?json$/.test(name) && !name.startsWith('.'));

async function compareCatalog(model: Model, { spool, catalog }: World, ids: string[]): Promise<void> {
  await catalog.refresh(0);
  assert.deepEqual(catalog.counts(model.now), countsOf(model), "the catalog's counts");
  for (const id of ids) {
    if (isAmbiguous(model, id)) continue;
    assert.deepEqual((await catalog.find(id, model.now))?.job, jobStatus(spool, id, model.now), `what the catalog says of ${id}`);
  }
  const filter = parseFilter('', model.now);
  assert.ok(filter.ok);
  const page = await catalog.list({ filter: filter.filter, limit: 1_000, budgetMs: 60_000 }, model.now);
  const expected = [
    ...listed(model),
    ...model.jobs.filter(({ recorded }) => recorded).map((job) => ({ ...job, where: 'completed' as const })),
  ];
  assert.deepEqual(
    page.jobs.map(({ id, state }) => `${id} ${state}`).sort(),
    expected.map((job) => `${job.id ?? job.name.replace(/\.(nd)?json$/, '')} ${stateOf(job, model.now)}`).sort(),
    "the catalog's list",
  );
}

// What is to be found in a spool of this test: files that were edited to nonsense, what dead runners left, and jobs that a person took away.
function compareFlaws(model: Model, { spool }: World): void {
  const found = [...flaws(spool, new Liveness(spool, 30_000), { keep: KEEP, now: model.now })];
  const expected = [...model.jobs.filter(isSpoilt).flatMap(placesIn), ...leftBehind(model, spool)];
  const isTakenAway = (id: string | undefined) => !model.jobs.some((job) => job.id === id && job.where !== 'held');
  const unexpected = found.filter(({ kind, level, file, id }) => {
    if (kind === 'vanished') return !isTakenAway(id);
    return level === 'wrong' && !expected.includes(file);
  });
  const missed = expected.filter((place) => !found.some(({ file }) => file === place));
  assert.deepEqual({ unexpected: unexpected.map(({ what }) => what), missed }, { unexpected: [], missed: [] }, 'what fsck finds');
}

const KEEP = { keepCompletedMs: 86_400_000, keepFailedMs: 86_400_000, keepLogsMs: 86_400_000 };

const isSpoilt = ({ body, where }: ModelJob): boolean =>
  body !== 'good' && (where === 'pending' || where === 'retrying' || where === 'failed' || where === 'cancelled');

const leftBehind = (model: Model, spool: World['spool']): string[] =>
  model.slots
    .filter(({ life, slot }) => life === 'dead' && fs.existsSync(spool.slot(slot)))
    .flatMap(({ slot }) => fs.readdirSync(spool.slot(slot)).map((name) => `running/${slot}/${name}`));

async function compareWaits(model: Model, { spool }: World): Promise<void> {
  for (const id of idsOf(model)) {
    const job = model.known(id);
    if (!job || isAmbiguous(model, id)) continue;
    const state = stateOf(job, model.now) as State;
    if (isFinal(state)) assert.equal((await waitForJob(spool, id)).state, state, `waiting for ${id}`);
    else await assert.rejects(waitForJob(spool, id, { timeout: 0 }), { code: 'WAIT_TIMEOUT' }, `waiting for ${id}`);
  }
}
