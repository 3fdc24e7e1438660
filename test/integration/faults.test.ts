/** What a careless or unlucky machine does to the spool, and what must go on all the same. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { claim } from '../../spool/claim.ts';
import { type Holder, holderOfSlot, slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { rescue } from '../../spool/rescue.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { aPolicy } from '../support/a-job.ts';
import { afterwards } from '../support/afterwards.ts';
import { linesUntil } from '../support/service-log.ts';
import { dropFile, type Service, type ServiceOptions, startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

test("a stranger's files in the slot of a killed runner take nobody down, and end in rejected/ with a reason", async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  const strays = ['.DS_Store', 'notes.txt', 'photos'];
  drop(spool, 'first', 'sleep', [700]);
  const slot = await runnerOf(spool, 'first');
  for (const name of strays.slice(0, 2)) fs.writeFileSync(path.join(spool.slot(slot), name), 'mine');
  fs.mkdirSync(path.join(spool.slot(slot), 'photos', 'more'), { recursive: true });
  killRunner(spool, slot);
  assert.deepEqual(await outcomesWhenOver(spool, 'first'), ['crashed', 'completed']);
  await waitFor(() => strays.every((name) => isRejected(spool, name)), 'the strays to be in rejected/');
  await waitFor(() => !fs.existsSync(spool.slot(slot)), 'the dead slot to be gone');

  drop(spool, 'second', 'sleep', [700]);
  killRunner(spool, await runnerOf(spool, 'second'));
  assert.deepEqual(await outcomesWhenOver(spool, 'second'), ['crashed', 'completed'], 'another killed runner is rescued as well');
  assert.ok(isAlive(service.pid), service.errors());
});

test("a stranger's files in the slots of a dispatcher and a runner that were both killed do not keep the next from starting", async (t) => {
  const first = await start(t);
  const spool = spoolOf(first);
  drop(spool, 'left', 'sleep', [700]);
  const slot = await runnerOf(spool, 'left');
  const pids = holders(spool, 'runner').map(({ pid }) => pid);
  await first.stop('SIGKILL');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  for (const dead of slots(spool)) {
    spool.disk.makeFolder(spool.slot(dead));
    fs.writeFileSync(path.join(spool.slot(dead), '.DS_Store'), 'mine');
  }
  assert.ok(fs.existsSync(path.join(spool.slot(slot), '.DS_Store')));
  const next = await start(t, { dir: first.dir });
  assert.deepEqual(await outcomesWhenOver(spool, 'left'), ['crashed', 'completed']);
  assert.ok(isRejected(spool, '.DS_Store'));
  assert.equal(await next.stop(), 0);
});

for (const kind of ['folder', 'link'] as const) {
  test(`a ${kind} under the name of a slot's holder keeps nobody from running jobs`, async (t) => {
    const spool = tempSpool(t);
    const file = spool.holder('stranger-1');
    if (kind === 'folder') fs.mkdirSync(file);
    else fs.symlinkSync('/dev/null', file);
    const service = await start(t, { dir: spool.root });
    await runSome(spool);
    assert.ok(isAlive(service.pid), service.errors());
    assert.equal(await service.stop(), 0);
  });
}

test('jobs run though the log is on a full disk, and the lines that are lost are said once', async (t) => {
  const spool = tempSpool(t);
  fs.symlinkSync('/dev/full', path.join(spool.logs, 'background_jobs.log'));
  const service = await start(t, { dir: spool.root });
  const runners = await waitFor(() => whenAll(holders(spool, 'runner'), 2), 'both runners');
  await runSome(spool);
  assert.deepEqual(pidsOf(holders(spool, 'runner')), pidsOf(runners), 'no runner was lost');
  assert.ok(isAlive(service.pid), service.errors());
  assert.equal(service.errors().match(/background_jobs\.log: .*lines are lost/g)?.length, 1, `said once: ${service.errors()}`);
  // A line is written after the job's file has moved.
  const errorLog = path.join(spool.logs, 'background_jobs_errors.log');
  await waitFor(() => fs.existsSync(errorLog) && /"id":"bad"/.test(fs.readFileSync(errorLog, 'utf8')), 'the line in the other log');
  assert.equal(await service.stop(), 0);
});

test('jobs run though the logs cannot be opened at all', async (t) => {
  const spool = tempSpool(t);
  for (const name of ['background_jobs.log', 'background_jobs_errors.log']) fs.mkdirSync(path.join(spool.logs, name));
  const service = await start(t, { dir: spool.root });
  await runSome(spool);
  assert.ok(isAlive(service.pid), service.errors());
  assert.equal(await service.stop(), 0);
});

test('jobs run on when the log is replaced by a link to a full disk under the service', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  await runSome(spool);
  const log = path.join(spool.logs, 'background_jobs.log');
  fs.rmSync(log);
  fs.symlinkSync('/dev/full', log);
  const replaced = Date.now();
  let dropped = 0;
  // Each process looks once a second whether the log is still its own: jobs go on coming until every one has.
  await waitFor(() => {
    drop(spool, `n${dropped++}`, 'noop');
    return Date.now() > replaced + 1_500;
  }, 'every process to meet the new log');
  drop(spool, 'last', 'noop');
  await waitForJob(spool, 'last', { timeout: '30s' });
  await waitFor(() => [...completedLines(spool)].length === dropped + 2, 'all jobs to be completed');
  assert.ok(isAlive(service.pid), service.errors());
});

test('a job that blocks is killed at its timeout though its last lines cannot be kept, and the next job runs', async (t) => {
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const spool = spoolOf(service);
  const [runner] = await waitFor(() => whenAll(holders(spool, 'runner'), 1), 'the runner');
  fs.mkdirSync(spool.lines(runner?.slot as string));
  drop(spool, 'stuck', 'block', [60_000], { timeout: '300ms', retries: 0 });
  assert.deepEqual(await outcomesWhenOver(spool, 'stuck'), ['timed-out']);
  drop(spool, 'next', 'noop');
  assert.equal((await waitForJob(spool, 'next', { timeout: '30s' })).state, 'completed');
  assert.ok(isAlive(service.pid), service.errors());
});

test('a schema that throws refuses its own request, and those behind it run', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  dropFile(spool, 'p9-now-picky.json', { class: 'Picky', method: 'noop', params: [1] });
  drop(spool, 'behind', 'noop');
  assert.equal((await waitForJob(spool, 'behind', { timeout: '30s' })).state, 'completed');
  const picky = await waitForJob(spool, 'picky', { timeout: '30s' });
  assert.equal(picky.state, 'rejected');
  assert.match(picky.reason ?? '', /schema/);
});

test('a bad file with a name of 250 bytes is rejected, and others are accepted and cancelled meanwhile', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  const long = `${'é'.repeat(122)}x.json`;
  assert.equal(Buffer.byteLength(long), 250);
  dropFile(spool, long, {});
  dropFile(spool, 'p1-20300101T000000Z-far.json', { class: 'Trouble', method: 'noop' });
  drop(spool, 'behind', 'noop');
  assert.equal((await waitForJob(spool, 'behind', { timeout: '30s' })).state, 'completed');
  fs.writeFileSync(path.join(spool.cancel, 'far'), '');
  assert.equal((await waitForJob(spool, 'far', { timeout: '30s' })).state, 'cancelled');
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
  assert.ok(isRejected(spool, 'éééé'));
});

test('a machine that slept while its job was completed elsewhere does not record it a second time', async (t) => {
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const spool = spoolOf(service);
  drop(spool, 'twice', 'sleep', [500]);
  const slot = await runnerOf(spool, 'twice');
  const pids = [service.pid, holderOfSlot(spool, slot)?.pid as number];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  completeElsewhere(spool, slot);
  for (const pid of pids.toReversed()) process.kill(pid, 'SIGCONT');
  // The one runner takes it when it is done with the other, or its successor does.
  drop(spool, 'after', 'noop');
  await waitForJob(spool, 'after', { timeout: '30s' });
  assert.deepEqual(whereabouts(spool, 'twice'), ['ledger']);
});

test('when the dispatcher that accepts is told to stop, another accepts at once, not only after its last job', async (t) => {
  const env = { JOBSPOOL_RUNNERS: '1', JOBSPOOL_SHUTDOWN_GRACE: '60s' };
  const first = await start(t, { env });
  const spool = spoolOf(first);
  drop(spool, 'long', 'sleep', [60_000]);
  await runnerOf(spool, 'long');
  await start(t, { dir: first.dir, env });
  await waitFor(() => whenAll(holders(spool, 'runner'), 2), 'the second runner');
  first.stop('SIGTERM');
  await waitFor(() => first.output().includes('SIGTERM: no new job is claimed'), 'the first to begin to stop');
  drop(spool, 'meanwhile', 'noop');
  assert.equal((await waitForJob(spool, 'meanwhile', { timeout: '30s' })).state, 'completed');
  assert.equal(jobStatus(spool, 'long')?.state, 'running');
});

test('doctor tells of a name in incoming/ that is not UTF-8, which nobody will ever accept', async (t) => {
  const spool = tempSpool(t);
  dropLatin1(spool);
  const child = spawn(process.execPath, [path.join(ROOT, 'service', 'main.ts'), 'doctor'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_JOBS: TROUBLE },
  });
  afterwards(t, () => child.kill('SIGKILL'));
  assert.match(await text(child.stdout), /incoming\/.*caf/);
});

test('drain ends though incoming/ holds a name that is not UTF-8', async (t) => {
  const spool = tempSpool(t);
  dropLatin1(spool);
  drop(spool, 'good', 'noop');
  const child = runNode(t, [path.join(ROOT, 'service', 'main.ts'), 'drain'], {
    JOBSPOOL_DIR: spool.root,
    JOBSPOOL_JOBS: TROUBLE,
    JOBSPOOL_SCAN: '200ms',
  });
  await waitFor(() => child.exitCode !== null, 'drain to end', { timeoutMs: 15_000 });
  assert.equal(child.exitCode, 0);
  assert.deepEqual(whereabouts(spool, 'good'), ['ledger']);
});

test('a batch of 3,000 is enqueued by a program that may open few files', async (t) => {
  const spool = tempSpool(t);
  const script = path.join(tempFolder(t), 'batch.mjs');
  fs.writeFileSync(
    script,
    `import { runBackgroundJobs } from ${JSON.stringify(pathToFileURL(path.join(ROOT, 'jobs', 'index.ts')).href)};
     await runBackgroundJobs(Array.from({ length: 3_000 }, (_, index) => ({ class: 'A', id: 'job-' + index })), { dir: ${JSON.stringify(spool.root)}, durability: 'full' });`,
  );
  const child = spawn('sh', ['-c', 'ulimit -n 256; exec "$0" "$1"', process.execPath, script], { stdio: ['ignore', 'ignore', 'pipe'] });
  afterwards(t, () => child.kill('SIGKILL'));
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, errors);
  assert.equal(fs.readdirSync(spool.incoming).length, 3_000);
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('a running job that a person moves back to pending/ runs again, and is recorded once', async (t) => {
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const spool = spoolOf(service);
  drop(spool, 'back', 'sleep', [700]);
  const slot = await runnerOf(spool, 'back');
  const [name = ''] = fs.readdirSync(spool.slot(slot));
  fs.renameSync(spool.claimed(slot, name), path.join(spool.pending, name));
  await waitForJob(spool, 'back', { timeout: '30s' });
  drop(spool, 'after', 'noop');
  await waitForJob(spool, 'after', { timeout: '30s' });
  assert.deepEqual(whereabouts(spool, 'back'), ['ledger']);
});

test('the job behind one that blocked past its timeout, heard TERM and then returned is not put back', async (t) => {
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '1', JOBSPOOL_KILL_GRACE: '3s' } });
  const spool = spoolOf(service);
  // Jobs that take no time, so that two are proposed together.
  for (let index = 0; index < 20; index++) drop(spool, `quick${index}`, 'noop');
  await waitFor(() => [...completedLines(spool)].length === 20, 'the quick jobs');
  fs.writeFileSync(spool.paused, '');
  await waitFor(() => service.output().includes('paused: nothing new'), 'the pause');
  // Told to stop at 0.3 s, TERM at 1.3 s, done at 1.8 s.
  dropFile(spool, 'p9-now-deaf.json', { class: 'Trouble', method: 'block', params: [1_800], timeout: '300ms', retries: 0 });
  drop(spool, 'innocent', 'politeSleep', [500, path.join(spool.tmp, 'note')]);
  await waitFor(() => fs.readdirSync(spool.pending).length === 2, 'both jobs to wait');
  fs.rmSync(spool.paused);
  assert.equal((await waitForJob(spool, 'innocent', { timeout: '30s' })).state, 'completed');
  const events = (await linesUntil(spool, 'innocent', 'completed')).map(({ event }) => event);
  assert.deepEqual(events, ['accepted', 'running', 'completed']);
});

test('a failed job whose body is as large as bodies may be can be moved back and runs', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  drop(spool, 'big', 'fail', ['x'.repeat(1_048_480)], { retries: 0 });
  assert.deepEqual(await outcomesWhenOver(spool, 'big'), ['failed']);
  const [name = ''] = fs.readdirSync(spool.failed);
  assert.ok(fs.statSync(path.join(spool.failed, name)).size > 1_048_576, 'with its history it is larger than a request may be');
  fs.renameSync(path.join(spool.failed, name), path.join(spool.incoming, name));
  await waitFor(() => jobStatus(spool, 'big')?.attempts.length === 2 || fs.readdirSync(spool.rejected).length > 0, 'the second attempt');
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
  assert.deepEqual(await outcomesWhenOver(spool, 'big'), ['failed', 'failed']);
});

test("a job completes though a link stands in its log's place, and nothing is written through it", async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  const victim = path.join(tempFolder(t), 'victim');
  fs.writeFileSync(victim, 'keep\n');
  for (const id of ['printing', 'child', 'command']) fs.symlinkSync(victim, spool.jobLog(id));
  drop(spool, 'printing', 'print');
  drop(spool, 'child', 'printInChild');
  dropFile(spool, 'p5-now-command.json', { class: 'Shell', method: 'done' });
  for (const id of ['printing', 'child', 'command']) {
    const { state, error } = await waitForJob(spool, id, { timeout: '30s' });
    assert.equal(state, 'completed', `${id}: ${error?.message}`);
  }
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep\n');
});

test("the job of a killed runner is retried though a link stands in its log's place", async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  const victim = path.join(tempFolder(t), 'victim');
  fs.writeFileSync(victim, 'keep\n');
  fs.symlinkSync(victim, spool.jobLog('dying'));
  drop(spool, 'dying', 'sleep', [700]);
  const slot = await runnerOf(spool, 'dying');
  fs.appendFileSync(spool.output(slot), 'last words\n');
  killRunner(spool, slot);
  assert.deepEqual(await outcomesWhenOver(spool, 'dying'), ['crashed', 'completed']);
  assert.equal(jobStatus(spool, 'dying')?.attempts[0]?.runner, slot, 'the crash is put down to the runner that died');
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep\n');
});

const start = (t: TestContext, options: ServiceOptions = {}): Promise<Service> => startService(t, { allowlist: TROUBLE, ...options });

const spoolOf = ({ dir }: Service): Spool => openSpool(dir, { durability: 'none' });

function drop(spool: Spool, id: string, method: string, params: unknown[] = [], policy: object = {}): void {
  dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params, ...policy });
}

/** A request whose name, `café.json`, is written as a producer on a Latin-1 system writes it. */
function dropLatin1(spool: Spool): void {
  const file = Buffer.concat([Buffer.from(`${spool.incoming}/caf`), Buffer.of(0xe9), Buffer.from('.json')]);
  fs.writeFileSync(file, JSON.stringify({ class: 'Trouble', method: 'noop' }));
}

const runnerOf = (spool: Spool, id: string): Promise<string> => waitFor(() => jobStatus(spool, id)?.runner, `${id} to run`);

async function outcomesWhenOver(spool: Spool, id: string): Promise<string[]> {
  const { attempts } = await waitForJob(spool, id, { timeout: '30s' });
  return attempts.map(({ outcome }) => outcome);
}

const holders = (spool: Spool, kind: Holder['kind']): Holder[] =>
  slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter((holder) => holder.kind === kind);

const pidsOf = (all: Holder[]): number[] => all.map(({ pid }) => pid).toSorted();

const whenAll = <T>(found: T[], count: number): T[] | undefined => (found.length === count ? found : undefined);

const isAlive = (pid: number): boolean => platform.processStart(pid) !== undefined;

function killRunner(spool: Spool, slot: string): void {
  process.kill(holderOfSlot(spool, slot)?.pid as number, 'SIGKILL');
}

/** Whether something of that name, but for a dot before it, is in `rejected/` and says why beside itself. */
function isRejected(spool: Spool, name: string): boolean {
  const names = fs.readdirSync(spool.rejected).filter((rejected) => rejected.includes(name.replace(/^\./, '')));
  const subject = names.find((rejected) => !rejected.endsWith('.reason.json'));
  return subject !== undefined && names.includes(path.basename(spool.reason(subject)));
}

/** One job that completes and one that fails. */
async function runSome(spool: Spool): Promise<void> {
  drop(spool, 'good', 'noop');
  drop(spool, 'bad', 'fail', ['x'], { retries: 0 });
  assert.equal((await waitForJob(spool, 'good', { timeout: '30s' })).state, 'completed');
  assert.equal((await waitForJob(spool, 'bad', { timeout: '30s' })).state, 'failed');
}

/** What another host does with the job in the slot of a machine that it holds for lost: takes the slot over, runs it, records it. */
function completeElsewhere(spool: Spool, slot: string): void {
  const elsewhere = 'elsewhere-1';
  const [given, ...others] = rescue(spool, slot, elsewhere, {
    endOf: () => ({ kind: 'released' }),
    policyOf: () => aPolicy(),
    now: Date.now(),
    random: () => 0,
  });
  assert.ok(given && others.length === 0);
  spool.disk.makeFolder(spool.slot(elsewhere));
  const claimed = claim(spool, elsewhere, given.name, Date.now());
  assert.ok(claimed.kind === 'claimed');
  const span = { startedAt: Date.now(), finishedAt: Date.now() + 1, runner: elsewhere };
  const ledger = new Ledger(spool, elsewhere);
  ledger.append(ledgerLine(claimed.job, span, new Date(claimed.writtenAt).toISOString(), undefined), claimed.job.name);
  ledger.close();
  fs.rmSync(spool.slot(elsewhere), { recursive: true });
}

function runNode(t: TestContext, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'ignore', env: { ...process.env, ...env } });
  afterwards(t, () => child.kill('SIGKILL'));
  return child;
}
