/** Batches, with the real service: each job of one runs once, and what one of them does is no other's concern. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { runBackgroundJobs } from '../../jobs/run-background-job.ts';
import { disk } from '../../spool/disk.ts';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { completedLines } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { dropFile, type Service, type ServiceOptions, startService, tempFolder } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const linesOf = (file: string): string[] => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n') : []);
const job = (method: string, ...params: unknown[]): object => ({ class: 'Trouble', method, params });
const batchOf = (jobs: object[]): string => jobs.map((one) => `${JSON.stringify(one)}\n`).join('');
const partsIn = (folder: string): string[] => disk.names(folder).filter((name) => name.endsWith('.ndjson'));

async function world(t: TestContext, options: ServiceOptions = {}): Promise<{ spool: Spool; service: Service; note: string }> {
  const service = await startService(t, { allowlist: TROUBLE, ...options });
  const spool = openSpool(service.dir, { durability: 'none' });
  return { spool, service, note: path.join(spool.tmp, 'note') };
}

const completed = (spool: Spool): string[] => [...completedLines(spool)].map(({ id }) => id);

/** Waits until the lines 1 to `count` of a batch are completed, and demands that each is so once, and nowhere else. */
async function allOnce(spool: Spool, id: string, count: number, but: readonly number[] = []): Promise<void> {
  const expected = Array.from({ length: count }, (_, index) => index + 1).filter((line) => !but.includes(line));
  const mine = () => completed(spool).filter((one) => one.startsWith(`${id}.`));
  await waitFor(() => new Set(mine()).size >= expected.length, `${expected.length} jobs of ${id} to complete`, { timeoutMs: 60_000 });
  assert.deepEqual(
    mine()
      .map((one) => Number(one.slice(id.length + 1)))
      .sort((a, b) => a - b),
    expected,
  );
  const inSlots = () => slots(spool).flatMap((slot) => partsIn(spool.slot(slot)));
  await waitFor(() => inSlots().length === 0 && partsIn(spool.pending).length === 0, 'nothing to be left of its parts');
}

test('a batch of a thousand runs each of its jobs once, on both runners', async (t) => {
  const { spool, note } = await world(t);
  dropFile(spool, 'p5-now-many.ndjson', batchOf(Array.from({ length: 1_000 }, (_, index) => job('note', note, `${index + 1}`))));
  await allOnce(spool, 'many', 1_000);
  assert.deepEqual(linesOf(note).sort(), Array.from({ length: 1_000 }, (_, index) => `${index + 1}`).sort());
  assert.equal(new Set([...completedLines(spool)].map(({ attempts }) => attempts[0]?.runner)).size, 2);
});

test('with durability full a batch runs each of its jobs once too', async (t) => {
  const { spool, note } = await world(t, { env: { JOBSPOOL_DURABILITY: 'full' } });
  dropFile(spool, 'p5-now-safe.ndjson', batchOf(Array.from({ length: 300 }, (_, index) => job('note', note, `${index + 1}`))));
  await allOnce(spool, 'safe', 300);
  assert.equal(linesOf(note).length, 300);
});

test('more than a hundred jobs that are submitted at once come back as the lines of a batch, and run', async (t) => {
  const { spool, note } = await world(t);
  const ids = await runBackgroundJobs(
    Array.from({ length: 150 }, (_, index) => ({ class: 'Trouble', method: 'note', params: [note, `${index}`] })),
    { dir: spool.root, durability: 'none' },
  );
  assert.equal(new Set(ids).size, 150);
  assert.match(ids[149] as string, /^[0-9A-Z]{26}\.150$/);
  await allOnce(spool, (ids[0] as string).slice(0, 26), 150);
});

test('a job of a batch that fails is retried as a job of its own, and the others go on', async (t) => {
  const { spool, note } = await world(t);
  const jobs = Array.from({ length: 60 }, (_, index) =>
    index % 20 === 9 ? job('failTimes', 2, `${note}-${index}`) : index === 30 ? job('permanent') : job('noop'),
  );
  dropFile(spool, 'p5-now-mixed.ndjson', batchOf(jobs));
  await allOnce(spool, 'mixed', 60, [31]);
  const retried = [...completedLines(spool)].find(({ id }) => id === 'mixed.10');
  assert.deepEqual(
    retried?.attempts.map(({ number, outcome }) => [number, outcome]),
    [
      [1, 'failed'],
      [2, 'failed'],
      [3, 'completed'],
    ],
  );
  assert.deepEqual(whereabouts(spool, 'mixed.31'), ['failed']);
});

test('jobs of a batch that want a process of their own get one each', async (t) => {
  const { spool } = await world(t);
  dropFile(spool, 'p5-now-fresh.ndjson', batchOf([job('noop'), job('pid'), job('pid'), job('noop')]));
  await allOnce(spool, 'fresh', 4);
  const pids = [...completedLines(spool)].filter(({ method }) => method === 'pid').map(({ result }) => result);
  assert.equal(new Set(pids).size, 2);
});

test('jobs of a batch whose method is shared run side by side, and those that want a runner to themselves come after them', async (t) => {
  const folder = tempFolder(t);
  const allowlist = path.resolve(import.meta.dirname, '..', 'fixtures', 'side-by-side-allowlist.ts');
  const { spool } = await world(t, { allowlist, env: { JOBSPOOL_RUNNERS: '1' } });
  const of = (method: string) => ({ class: 'SideBySide', method, params: [folder] });
  dropFile(spool, 'p5-now-both.ndjson', batchOf([...Array.from({ length: 40 }, () => of('wait')), of('alone'), of('wait'), of('alone')]));
  const began = () => fs.readdirSync(folder).filter((name) => name.startsWith('began-'));
  await waitFor(() => began().length === 40, 'forty of them to wait side by side');
  fs.writeFileSync(path.join(folder, 'gate'), '');
  await allOnce(spool, 'both', 43);
});

test('a waiting job of a batch is cancelled alone', async (t) => {
  const { spool } = await world(t);
  fs.writeFileSync(spool.paused, '');
  dropFile(spool, 'p5-now-some.ndjson', batchOf(Array.from({ length: 20 }, () => job('noop'))));
  await waitFor(() => partsIn(spool.pending).length === 1, 'the batch to be accepted');
  fs.writeFileSync(spool.cancelMarker('some.7'), '');
  await waitFor(() => whereabouts(spool, 'some.7').includes('cancelled'), 'its seventh job to be cancelled');
  const waiting = () => partsIn(spool.pending).map((name) => name.split('@')[1]);
  await waitFor(() => waiting().sort().join(' ') === '1-6.ndjson 8-20.ndjson', 'those before and behind it to wait again');
  await waitFor(() => !fs.existsSync(spool.cancelMarker('some.7')), 'the marker to go');
  fs.rmSync(spool.paused);
  await allOnce(spool, 'some', 20, [7]);
  assert.deepEqual(whereabouts(spool, 'some.7'), ['cancelled']);
});

test('a running job of a batch is stopped alone, and gives those behind it to another runner before', async (t) => {
  const { spool, note } = await world(t);
  const quick = Array.from({ length: 40 }, () => job('noop'));
  dropFile(spool, 'p5-now-slow.ndjson', batchOf([...quick, job('politeSleep', 60_000, note), ...quick]));
  await waitFor(() => fs.existsSync(note), 'the slow job to run');
  await waitFor(() => completed(spool).length === 80, 'all others to complete while it runs');
  fs.writeFileSync(spool.cancelMarker('slow.41'), '');
  await waitFor(() => whereabouts(spool, 'slow.41').includes('cancelled'), 'it to be cancelled');
  await allOnce(spool, 'slow', 81, [41]);
});

test('a job of a batch that blocks its runner and ignores its timeout is killed alone', async (t) => {
  const { spool } = await world(t);
  const quick = Array.from({ length: 30 }, () => job('noop'));
  const blocking = { ...job('block', 600_000), timeout: '500ms', retries: 0 };
  dropFile(spool, 'p5-now-blocked.ndjson', batchOf([...quick, blocking, ...quick]));
  await allOnce(spool, 'blocked', 61, [31]);
  await waitFor(() => whereabouts(spool, 'blocked.31').includes('failed'), 'it to have failed');
  assert.deepEqual(whereabouts(spool, 'blocked.31'), ['failed']);
});

test('a whole batch is cancelled by its own id: what waits, what runs and what is to be retried', async (t) => {
  const { spool, note } = await world(t);
  const jobs = [
    { ...job('fail', 'x'), retryDelay: '1h' },
    job('politeSleep', 60_000, `${note}-1`),
    job('politeSleep', 60_000, `${note}-2`),
  ];
  dropFile(spool, 'p5-now-all.ndjson', batchOf([...jobs, ...Array.from({ length: 250 }, () => job('sleep', 60_000))]));
  await waitFor(() => [1, 2].every((number) => fs.existsSync(`${note}-${number}`)), 'two of its jobs to run');
  fs.writeFileSync(spool.cancelMarker('all'), '');
  await waitFor(() => fs.readdirSync(spool.cancelled).length === 253, 'all of it to be cancelled', { timeoutMs: 60_000 });
  await waitFor(() => !fs.existsSync(spool.cancelMarker('all')), 'its marker to be cleared away');
  assert.deepEqual(completed(spool), []);
});

test('a bad line keeps a whole batch from being accepted, and the reason says which', async (t) => {
  const { spool } = await world(t);
  dropFile(spool, 'p5-now-bad.ndjson', batchOf([job('noop'), { class: 'Trouble', method: 'nothing' }, job('noop')]));
  dropFile(spool, 'p5-now-torn.ndjson', `${batchOf([job('noop')])}{"class":"Trou`);
  dropFile(spool, 'p5-now-written.ndjson', batchOf([job('noop'), { ...job('noop'), spent: 1 }]));
  await waitFor(() => partsIn(spool.rejected).length === 3, 'all three to be rejected');
  const reason = (name: string) => JSON.parse(fs.readFileSync(spool.reason(name), 'utf8')).reason;
  assert.match(reason('p5-now-bad.ndjson'), /^line 2: /);
  assert.match(reason('p5-now-torn.ndjson'), /^line 2: the body is not JSON/);
  assert.match(reason('p5-now-written.ndjson'), /^line 2: unknown field "spent"/);
  assert.deepEqual(completed(spool), []);
});

test('while a batch is live, no other may have its id, nor that of a job of it', async (t) => {
  const { spool } = await world(t);
  fs.writeFileSync(spool.paused, '');
  dropFile(spool, 'p5-now-taken.ndjson', batchOf([job('noop'), job('noop')]));
  await waitFor(() => partsIn(spool.pending).length === 1, 'the batch to be accepted');
  dropFile(spool, 'p5-now-taken.json', job('noop'));
  dropFile(spool, 'p5-now-taken.2.json', job('noop'));
  dropFile(spool, 'p6-now-taken.ndjson', batchOf([job('noop')]));
  dropFile(spool, 'p5-now-taken.3.json', job('noop'));
  await waitFor(() => fs.readdirSync(spool.rejected).length === 6, 'three to be rejected with their reasons');
  await waitFor(() => fs.readdirSync(spool.pending).length === 2, 'an id that is not taken to be accepted');
  fs.rmSync(spool.paused);
  await allOnce(spool, 'taken', 3);
});

test('a job of a batch that takes long, and those before it, are recorded though what followed was given back', async (t) => {
  const { spool } = await world(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const quick = Array.from({ length: 50 }, () => job('noop'));
  dropFile(spool, 'p5-now-long.ndjson', batchOf([...quick, job('sleep', 400), ...quick, job('block', 400), ...quick]));
  await allOnce(spool, 'long', 152);
});

test('a batch whose file somebody changes while it waits is checked again: what is no request is rejected, and the rest runs', async (t) => {
  const { spool } = await world(t);
  fs.writeFileSync(spool.paused, '');
  for (const id of ['edited', 'shorter', 'link'])
    dropFile(spool, `p5-now-${id}.ndjson`, batchOf(Array.from({ length: 9 }, () => job('noop'))));
  await waitFor(() => partsIn(spool.pending).length === 3, 'the batches to be accepted');
  const file = (id: string) => path.join(spool.pending, partsIn(spool.pending).find((name) => name.includes(id)) as string);
  const bad = [job('noop'), 'no', { class: 'Nobody' }, job('noop')].map(
    (one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`,
  );
  fs.writeFileSync(file('edited'), [...bad, ...Array.from({ length: 5 }, () => bad[0])].join(''));
  fs.writeFileSync(file('shorter'), batchOf([job('noop')]));
  const link = file('link');
  fs.rmSync(link);
  fs.symlinkSync('/etc/passwd', link);
  fs.rmSync(spool.paused);
  await allOnce(spool, 'edited', 9, [2, 3]);
  await waitFor(() => fs.readdirSync(spool.rejected).length >= 6, 'what is bad to be rejected');
  const reasons = fs.readdirSync(spool.rejected).filter((name) => name.endsWith('.reason.json'));
  const said = (what: RegExp) =>
    reasons.some((name) => what.test(JSON.parse(fs.readFileSync(path.join(spool.rejected, name), 'utf8')).reason));
  assert.ok(said(/line 2 of its batch was changed after it was accepted: the body is not JSON/));
  assert.ok(said(/Nobody/));
  assert.ok(said(/expected 9 lines, got 1/));
  assert.equal(
    fs.readFileSync(
      path.join(spool.rejected, reasons.find((name) => name.includes('edited.2'))?.replace('.reason.json', '') as string),
      'utf8',
    ),
    'no\n',
  );
  assert.deepEqual(
    completed(spool).filter((id) => id.startsWith('shorter')),
    [],
  );
});

test('a better job that comes while a batch runs does not wait for the rest of it', async (t) => {
  const { spool, note } = await world(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const goOn = `${note}-go-on`;
  dropFile(spool, 'p5-now-low.ndjson', batchOf([job('until', goOn), ...Array.from({ length: 300 }, () => job('note', note, 'low'))]));
  await waitFor(() => slots(spool).some((slot) => partsIn(spool.slot(slot)).length > 0), 'the batch to run');
  dropFile(spool, 'p9-now-high.json', job('note', note, 'high'));
  await waitFor(() => fs.readdirSync(spool.pending).some((name) => name.startsWith('p9')), 'the better job to wait');
  fs.writeFileSync(goOn, '');
  await allOnce(spool, 'low', 301);
  assert.equal(linesOf(note)[0], 'high');
});

test('a runner that is killed in the middle of a batch crashes one job of it, and the others run once', async (t) => {
  const { spool, note } = await world(t);
  const jobs = Array.from({ length: 200 }, (_, index) =>
    index === 100 ? job('until', `${note}-go-on`) : job('note', note, `${index + 1}`),
  );
  dropFile(spool, 'p5-now-killed.ndjson', batchOf(jobs));
  await waitFor(() => linesOf(note).length === 199, 'all others to run');
  const slot = slots(spool).find((one) => partsIn(spool.slot(one)).length > 0) as string;
  process.kill(holderOfSlot(spool, slot)?.pid as number, 'SIGKILL');
  fs.writeFileSync(`${note}-go-on`, '');
  await allOnce(spool, 'killed', 200);
  assert.equal(new Set(linesOf(note)).size, linesOf(note).length);
  const crashed = [...completedLines(spool)].filter(({ attempts }) => attempts.length > 1);
  assert.deepEqual(
    crashed.map(({ id, attempts }) => [id, attempts[0]?.outcome]),
    [['killed.101', 'crashed']],
  );
});

test('a dispatcher that is killed leaves a batch to the next one', async (t) => {
  const { spool, service, note } = await world(t);
  const jobs = Array.from({ length: 400 }, (_, index) => job('note', note, `${index + 1}`));
  dropFile(spool, 'p5-now-left.ndjson', batchOf([...jobs.slice(0, 200), job('sleep', 300), ...jobs.slice(200)]));
  await waitFor(() => linesOf(note).length > 5, 'some of it to run');
  process.kill(service.pid, 'SIGKILL');
  await startService(t, { dir: service.dir, allowlist: TROUBLE });
  await allOnce(spool, 'left', 401);
  assert.equal(new Set(linesOf(note)).size, 400);
});
