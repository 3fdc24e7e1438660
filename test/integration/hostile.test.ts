/** The running service among hostile files: every good job completes, nothing is followed or opened, each file ends where it belongs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { jobFileName, parseRequestName } from '../../spool/filename.ts';
import { FOLDERS } from '../../spool/layout.ts';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { BODIES, LATIN_NAMES, NAMES, outsideOf, STRANGERS } from '../support/hostile-files.ts';
import { linesUntil } from '../support/service-log.ts';
import { dropFile, type Service, type ServiceOptions, startService } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '../fixtures/hostile-allowlist.ts');
const posix = { skip: process.platform === 'win32' };
const LONG = { timeoutMs: 60_000 };

test('every good job completes among every kind of hostile file in every folder, and nothing outside is touched', posix, async (t) => {
  const outside = await outsideOf(t);
  const service = await start(t);
  const spool = spoolOf(service);
  const runners = await waitFor(() => whenTwo(runnerPids(spool)), 'both runners');
  const good: string[] = [];
  const dropGood = () => {
    const id = `good${good.length}`;
    drop(spool, id, 'Trouble', 'noop');
    good.push(id);
  };
  const serving = slots(spool).filter((slot) => fs.existsSync(spool.slot(slot)));
  for (const [index, { make }] of STRANGERS.entries()) {
    for (const at of placesOf(spool, serving, index)) make(at, outside);
    dropGood();
  }
  for (const name of NAMES) {
    fs.writeFileSync(path.join(spool.incoming, name), '{"class":');
    dropGood();
  }
  for (const name of LATIN_NAMES)
    fs.writeFileSync(Buffer.concat([Buffer.from(`${spool.incoming}/`), name]), '{"class":"Trouble","method":"noop"}');
  for (const [index, { body }] of Object.values(BODIES).entries()) {
    fs.writeFileSync(path.join(spool.incoming, `body${index}.json`), body);
    dropGood();
  }
  for (let index = 0; index < 1_000; index++) fs.writeFileSync(path.join(spool.incoming, `p9-now-bad${index}.json`), '{"class":');
  dropGood();

  await waitFor(() => countOf(spool, good) === good.length, 'every good job to be recorded once', LONG);
  const isLeft = (name: string) => parseRequestName(name).kind !== 'ignored';
  await waitFor(() => fs.readdirSync(spool.incoming).filter(isLeft).length === 0, 'incoming/ to hold only what is to be left alone', LONG);
  await waitFor(() => slots(spool).length === 3, 'the slots of strangers to be cleared away', LONG);
  await waitFor(() => fs.readdirSync(spool.pending).length === 0, 'what was no job in pending/ to be rejected', LONG);
  await outside.assertNobodyCame();
  assert.ok(isAlive(service.pid), service.errors());
  assert.deepEqual(runnerPids(spool), runners, 'no runner was lost');
  for (const folder of FOLDERS) assert.ok(fs.lstatSync(spool[folder]).isDirectory(), folder);
  for (const line of fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8').trimEnd().split('\n'))
    assert.equal(typeof JSON.parse(line).level, 'string', 'a line of the log is not ours');
  const unexplained = fs.readdirSync(spool.rejected).filter((name) => !name.endsWith('.reason.json') && !fs.existsSync(spool.reason(name)));
  assert.deepEqual(unexplained, [], 'rejected without a reason');
  assert.equal(await service.stop(), 0);
});

test('a folder named "paused" pauses, and the service goes on when it is gone; a full one in cancel/ harms nobody', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  fs.mkdirSync(path.join(spool.cancelMarker('a'), 'b'), { recursive: true });
  drop(spool, 'first', 'Trouble', 'noop');
  await waitForJob(spool, 'first', { timeout: '30s' });
  fs.mkdirSync(spool.paused);
  await waitFor(() => service.output().includes('paused: nothing new'), 'the pause', LONG);
  drop(spool, 'second', 'Trouble', 'noop');
  await waitFor(() => fs.readdirSync(spool.pending).length === 1, 'it to be accepted', LONG);
  fs.rmdirSync(spool.paused);
  assert.equal((await waitForJob(spool, 'second', { timeout: '30s' })).state, 'completed');
});

test('what a producer writes through its open descriptor after the acceptance is checked again, and ends in one place', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  fs.writeFileSync(spool.paused, '');
  await waitFor(() => service.output().includes('paused: nothing new'), 'the pause', LONG);
  const body = (over: object = {}) => JSON.stringify({ class: 'Trouble', method: 'echo', params: ['as dropped'], ...over });
  const after: Record<string, { write(fd: number): void; ends: 'rejected' | 'ledger' }> = {
    grown: { write: (fd) => fs.writeSync(fd, body({ params: ['x'.repeat(1_048_576)] }), 0), ends: 'rejected' },
    evil: { write: (fd) => rewrite(fd, body({ class: 'Evil' })), ends: 'rejected' },
    inherited: { write: (fd) => rewrite(fd, body({ method: 'constructor' })), ends: 'rejected' },
    halved: { write: (fd) => fs.ftruncateSync(fd, 20), ends: 'rejected' },
    emptied: { write: (fd) => fs.ftruncateSync(fd, 0), ends: 'rejected' },
    zeros: { write: (fd) => fs.ftruncateSync(fd, 1_000), ends: 'rejected' },
    sparse: { write: (fd) => fs.ftruncateSync(fd, 2 ** 40), ends: 'rejected' },
    edited: { write: (fd) => rewrite(fd, body({ params: ['as edited'] })), ends: 'ledger' },
    untouched: { write: () => undefined, ends: 'ledger' },
  };
  const fds = new Map(Object.keys(after).map((id) => [id, dropOpen(t, spool, id, body())]));
  await waitFor(() => fs.readdirSync(spool.pending).length === fds.size, 'all to be accepted', LONG);
  for (const [id, fd] of fds) after[id]?.write(fd);
  fs.rmSync(spool.paused);
  for (const [id, { ends }] of Object.entries(after)) {
    await waitFor(
      () => whereabouts(spool, id).length === 1 && whereabouts(spool, id)[0] === ends,
      `${id} to end in ${ends}, not in ${whereabouts(spool, id)}`,
      LONG,
    );
    if (ends === 'rejected') assert.ok((jobStatus(spool, id)?.reason ?? '').length > 10, `${id} was rejected without a reason`);
  }
  assert.deepEqual([jobStatus(spool, 'edited')?.result, jobStatus(spool, 'untouched')?.result], [['as edited'], ['as dropped']]);
});

test('what a producer writes into the file of a job that runs changes nothing of what runs, and the job ends in one place', async (t) => {
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '4' } });
  const spool = spoolOf(service);
  const ends: Record<string, object> = {
    evil: { class: 'Evil', method: 'sleep', params: [1] },
    large: { class: 'Hostile', method: 'sleep', params: ['x'.repeat(2_000_000)] },
    torn: {},
    // Killed at its timeout, by the thread that reads the file once more.
    late: { class: 'Evil', method: 'sleep', params: [] },
  };
  const fds = Object.keys(ends).map((id) => {
    const policy = id === 'late' ? { timeout: '1500ms', retries: 0 } : {};
    return [
      id,
      dropOpen(t, spool, id, JSON.stringify({ class: 'Hostile', method: 'sleep', params: [id === 'late' ? 60_000 : 2_000], ...policy })),
    ] as const;
  });
  for (const [id, fd] of fds) {
    // Once it is claimed its runner still has to read it: what is written in that moment is checked again (the test above). It says so when it has.
    await linesUntil(spool, id, 'running');
    rewrite(fd, JSON.stringify(ends[id]));
  }
  for (const id of ['evil', 'large', 'torn']) {
    await waitFor(() => whereabouts(spool, id).join() === 'ledger', `${id} to be recorded once`, LONG);
    assert.deepEqual([jobStatus(spool, id)?.class, jobStatus(spool, id)?.result], ['Hostile', 'slept'], id);
  }
  await waitFor(() => ['failed', 'rejected'].includes(whereabouts(spool, 'late').join()), 'the late one to end in one place', LONG);
});

test('the same name twice: the second is refused while the first lives, and is another job when it is over', async (t) => {
  const service = await start(t);
  const spool = spoolOf(service);
  const twice = (name: string) => dropFile(spool, name, { class: 'Trouble', method: 'noop' });
  twice('p5-20990101T000000Z-waits.json');
  await waitFor(
    () => jobStatus(spool, 'waits')?.state === 'scheduled' && fs.readdirSync(spool.pending).length === 1,
    'it to be accepted',
    LONG,
  );
  twice('p5-20990101T000000Z-waits.json');
  drop(spool, 'runs', 'Hostile', 'sleep', [1_500]);
  await waitFor(() => jobStatus(spool, 'runs')?.state === 'running', 'it to run', LONG);
  twice('p5-now-runs.json');
  drop(spool, 'retries', 'Trouble', 'fail', ['x'], { retries: 1, retryDelay: '1h' });
  await waitFor(() => jobStatus(spool, 'retries')?.state === 'retrying', 'it to wait for its retry', LONG);
  twice('p5-now-retries.json');
  await waitFor(() => reasonsIn(spool).length === 3, 'three refusals', LONG);
  for (const reason of reasonsIn(spool))
    assert.match(reason, /^duplicate: a job with the id "(waits|runs|retries)" is already waiting or running$/);
  await waitFor(() => whereabouts(spool, 'runs').join() === 'ledger', 'the first to complete', LONG);
  twice('p5-now-runs.json');
  await waitFor(() => whereabouts(spool, 'runs').join() === 'ledger,ledger', 'the second to complete too', LONG);
  assert.deepEqual([whereabouts(spool, 'waits'), whereabouts(spool, 'retries')], [['pending'], ['retrying']]);
});

test('a job that did its work is completed whatever it returns, leaves or prints, and its runner serves the next', posix, async (t) => {
  const outside = await outsideOf(t);
  const service = await start(t, { env: { JOBSPOOL_RUNNERS: '1', JOBSPOOL_TEST_OUTSIDE: outside.folder } });
  const spool = spoolOf(service);
  const [runner] = await waitFor(() => (runnerPids(spool).length === 1 ? runnerPids(spool) : undefined), 'the runner');
  const returned = [
    'bigint',
    'function',
    'symbol',
    'cycle',
    'deep',
    'huge',
    'throwing',
    'fickle',
    'growing',
    'getter',
    'proxy',
    'infinity',
    'proto',
    'surrogate',
  ];
  const left = [
    'folder',
    'full-folder',
    'fifo',
    'link',
    'link-fifo',
    'link-zero',
    'dangling',
    'device',
    'huge',
    'sparse',
    'binary',
    'junk',
    'deep',
    'secret-mode',
    'good',
  ];
  for (const kind of returned) drop(spool, `returns-${kind}`, 'Hostile', 'result', [kind]);
  for (const what of left) for (const method of ['result', 'progress']) drop(spool, `${method}-${what}`, 'Command', method, [what]);
  drop(spool, 'deaf', 'Command', 'deaf', ['x'.repeat(1_000_000)]);
  drop(spool, 'line', 'Hostile', 'line', [30_000_000]);
  const ids = [
    ...returned.map((kind) => `returns-${kind}`),
    ...left.flatMap((what) => [`result-${what}`, `progress-${what}`]),
    'deaf',
    'line',
  ];
  for (const id of ids) {
    const { state, error } = await waitForJob(spool, id, { timeout: '60s' });
    assert.equal(state, 'completed', `${id}: ${error?.message}`);
  }
  assert.deepEqual(runnerPids(spool), [runner], 'no runner was lost');
  const results = Object.fromEntries([...completedLines(spool)].map(({ id, result }) => [id, result]));
  // Root may read a file of mode 0000.
  const kept = Object.keys(results).filter((id) => results[id] !== undefined && id !== 'result-secret-mode');
  assert.deepEqual(kept.toSorted(), [
    'result-good',
    'returns-fickle',
    'returns-growing',
    'returns-infinity',
    'returns-proto',
    'returns-surrogate',
  ]);
  assert.deepEqual([results['returns-fickle'], results['returns-growing']], ['once', 'small']);
  assert.ok(fs.statSync(spool.jobLog('line')).size <= 11_000_000);
  await outside.assertNobodyCame();
});

const start = (t: TestContext, options: ServiceOptions = {}): Promise<Service> => startService(t, { allowlist: ALLOWLIST, ...options });

const spoolOf = ({ dir }: Service): Spool => openSpool(dir, { durability: 'none' });

function drop(spool: Spool, id: string, className: string, method: string, params: unknown[] = [], policy: object = {}): void {
  dropFile(spool, `p5-now-${id}.json`, { class: className, method, params, ...policy });
}

/** Where a stranger may stand: a few places in every folder, and in those of the runners that serve. */
function placesOf(spool: Spool, serving: string[], index: number): string[] {
  const id = `h${index}`;
  const jobs = (['pending', 'retrying', 'failed', 'cancelled'] as const).map((folder) =>
    path.join(spool[folder], jobName(`${id}-${folder}`)),
  );
  const requests = [`p5-now-s${index}.json`, `s${index}.json.reason.json`, `${'n'.repeat(245)}${index}.json`, `.s${index}.json`];
  return [
    ...requests.map((name) => path.join(spool.incoming, name)),
    ...jobs,
    ...serving.map((slot) => spool.claimed(slot, jobName(`${id}-running`))),
    ...[spool.cancelMarker(id), spool.slot(`stranger-${index}`), spool.holder(`stranger-9${index}`), spool.drain(`stranger-8${index}`)],
    ...[spool.ledgerDay(`20${10 + index}-01-01`), spool.jobLog(id), path.join(spool.tmp, id), spool.reason(`body${index}.json`)],
  ];
}

const jobName = (id: string): string => jobFileName({ priority: 5, runAt: 0, id });

/** Drops a request as a producer does that keeps its descriptor. */
function dropOpen(t: TestContext, spool: Spool, id: string, body: string): number {
  const draft = path.join(spool.tmp, id);
  const fd = fs.openSync(draft, 'w+');
  t.after(() => fs.closeSync(fd));
  fs.writeSync(fd, body);
  fs.renameSync(draft, path.join(spool.incoming, `p5-now-${id}.json`));
  return fd;
}

function rewrite(fd: number, text: string): void {
  fs.ftruncateSync(fd, 0);
  fs.writeSync(fd, text, 0);
}

/** How many of these are in the ledger, once. */
function countOf(spool: Spool, ids: string[]): number {
  const found = [...completedLines(spool)].map(({ id }) => id).filter((id) => id.startsWith('good'));
  assert.equal(new Set(found).size, found.length, 'a job was recorded twice');
  return ids.filter((id) => found.includes(id)).length;
}

function reasonsIn(spool: Spool): string[] {
  const names = fs.readdirSync(spool.rejected).filter((name) => name.endsWith('.reason.json'));
  return names.map((name) => JSON.parse(fs.readFileSync(path.join(spool.rejected, name), 'utf8')).reason);
}

const runnerPids = (spool: Spool): number[] =>
  slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter(({ kind }) => kind === 'runner')
    .map(({ pid }) => pid)
    .toSorted();

const whenTwo = (pids: number[]): number[] | undefined => (pids.length === 2 ? pids : undefined);

const isAlive = (pid: number): boolean => platform.processStart(pid) !== undefined;
