/**
 * The watcher is a doorbell: whatever becomes of its events, every job is found, once. `TEST_CROWD` sets how many (100000 by hand: as many wait, and as
 * many come), `TEST_BURST` how many at once.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { jobFileName } from '../../spool/filename.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { Doorbell } from '../../spool/watch.ts';
import { afterwards } from '../support/afterwards.ts';
import { brokenPromises, stillLive } from '../support/invariants.ts';
import { dropFile, type Service, startService, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const CROWD = Number(process.env.TEST_CROWD ?? 5_000);
/** More than fs.inotify.max_queued_events: the kernel drops events. */
const BURST = Number(process.env.TEST_BURST ?? 17_000);
/** Of the burst every so manieth is due, and runs; the others are scheduled, and only accepted. `TEST_BURST_DUE=1`: all run. */
const DUE_EACH = Number(process.env.TEST_BURST_DUE ?? 20);
const PATIENT = { timeoutMs: 60_000 };

test('a burst of more renames than the kernel queues events for, while the dispatcher is stopped, loses no job and runs none twice', async (t) => {
  const spool = spoolInMemory(t);
  const service = await start(t, spool);
  process.kill(service.pid, 'SIGSTOP');
  const ids = Array.from({ length: BURST }, (_, number) => `burst-${number}`);
  const isDue = (number: number) => number % DUE_EACH === 0;
  for (const [number, id] of ids.entries()) dropFile(spool, `p5-${isDue(number) ? 'now' : '20990101T000000Z'}-${id}.json`, BODY);
  // The last of all to run says that all have, and costs no listing of thousands of names.
  const note = path.join(spool.root, 'note');
  dropFile(spool, 'p1-now-sentinel.json', { class: 'Trouble', method: 'note', params: [note, 'all ran'] });
  process.kill(service.pid, 'SIGCONT');
  await waitFor(() => fs.existsSync(note), 'what is due of the burst to run', { timeoutMs: 300_000 });
  const scheduled = ids.filter((_, number) => !isDue(number));
  await waitFor(() => stillLive(spool).length === scheduled.length, 'the last of them to be recorded', PATIENT);
  assert.equal(await service.stop(), 0);
  assert.deepEqual(brokenPromises(spool, ids), []);
  assert.equal(fs.readdirSync(spool.pending).length, scheduled.length);
  assert.doesNotMatch(service.output(), /no file events arrive/);
});

test('a crowd of files that wait, and as many that were dropped, is known at the start, and takes little memory', async (t) => {
  const spool = spoolInMemory(t);
  const runAt = Date.UTC(2099, 0, 1);
  for (let number = 0; number < CROWD; number++) {
    fs.writeFileSync(path.join(spool.pending, jobFileName({ priority: 5, runAt, id: `waits-${number}` })), BODY);
    fs.writeFileSync(path.join(spool.incoming, `p5-20990101T000000Z-comes-${number}.json`), BODY);
  }
  const note = path.join(spool.root, 'note');
  const first = JSON.stringify({ class: 'Trouble', method: 'note', params: [note, 'ran'] });
  fs.writeFileSync(path.join(spool.pending, jobFileName({ priority: 1, runAt: Date.now(), id: 'first' })), first);
  const began = performance.now();
  const starting = startService(t, { dir: spool.root, allowlist: TROUBLE, startMs: 300_000 });
  starting.catch(() => undefined);
  await waitFor(() => fs.existsSync(note), 'the one job that is due to run', { timeoutMs: 300_000 });
  const firstMs = performance.now() - began;
  const service = await starting;
  const pssMiB = pssOf(service.pid) / 1_048_576;
  t.diagnostic(
    `${CROWD} pending and ${CROWD} in incoming/: first job after ${Math.round(firstMs)} ms, all accepted after ${Math.round(performance.now() - began)} ms, ${pssMiB.toFixed(0)} MiB PSS, ${cpuSecondsOf(service.pid)} s of CPU time`,
  );
  assert.ok(pssMiB < 300, `the service takes ${pssMiB} MiB`);
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
  assert.equal(fs.readdirSync(spool.pending).length, 2 * CROWD);
  // Known by name: a second one of its id is refused.
  drop(spool, `comes-${CROWD - 1}`);
  await waitFor(() => fs.readdirSync(spool.rejected).length === 2, 'the second of an id to be refused', PATIENT);
  fs.renameSync(
    path.join(spool.pending, jobFileName({ priority: 5, runAt, id: 'waits-7' })),
    path.join(spool.pending, jobFileName({ priority: 9, runAt: Date.now(), id: 'waits-7' })),
  );
  await waitFor(() => jobStatus(spool, 'waits-7')?.state === 'completed', 'one whose time was changed by hand to run', PATIENT);
});

for (const limit of ['max_inotify_watches', 'max_inotify_instances'] as const) {
  test(`a machine on which ${limit} is used up runs jobs by the scan, and the log says so once`, async (t) => {
    if (spawnSync('unshare', ['-U', '-r', 'true']).status !== 0) return t.skip('SKIPPED: user namespaces cannot be made here');
    const spool = spoolInMemory(t);
    const output = startLimited(t, spool, limit);
    await waitFor(() => output().includes('dispatcher started'), 'the service to start', PATIENT);
    for (const id of ['a', 'b', 'c']) {
      drop(spool, id);
      await waitFor(() => jobStatus(spool, id)?.state === 'completed', `${id} to run`, PATIENT);
    }
    const said = output()
      .split('\n')
      .filter((line) => /no events arrive, and the regular scan finds what comes/.test(line));
    assert.equal(said.length, 1, output());
    assert.match(said[0] ?? '', /"level":"warn".*(ENOSPC|EMFILE)/);
  });
}

test('where producers write past the mount that is watched, jobs are found by the scan, and the log says once that no events arrive', async (t) => {
  const folder = path.dirname(spoolInMemory(t).root);
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const made of [lower, upper, work, merged]) fs.mkdirSync(made);
  const mount = `mount -t overlay overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} ${merged}`;
  const namespace = ['--mount', '--propagation', 'private', 'sh', '-c'];
  if (spawnSync('unshare', [...namespace, mount]).status !== 0) return t.skip('SKIPPED: overlay mounts need root and unshare(1)');
  const output = startIn(t, path.join(merged, 'spool'), [...namespace, `${mount} && exec "$0" "$@"`], { JOBSPOOL_SCAN: '1s' });
  await waitFor(() => output().includes('dispatcher started'), 'the service to start', PATIENT);
  // As a host does that writes into a folder which a container has mounted.
  const outside = openSpool(path.join(upper, 'spool'), { durability: 'none' });
  for (let number = 0; number < 5; number++) {
    drop(outside, `outside-${number}`);
    await waitFor(() => jobStatus(outside, `outside-${number}`)?.state === 'completed', `job ${number} to run`, PATIENT);
  }
  await waitFor(() => output().includes('no file events arrive from'), 'the log to say so', PATIENT);
  assert.equal(output().split('no file events arrive from').length - 1, 1, output());
});

test('folders that are replaced, removed and made anew, or moved away and back under the service are noticed, and jobs go on', async (t) => {
  const spool = spoolInMemory(t);
  // One runner, which is there once a job has run: another one that starts would make the folders that are missing.
  const service = await start(t, spool, { JOBSPOOL_RUNNERS: '1' });
  const goesOn = async (id: string) => {
    drop(spool, id);
    await waitFor(() => jobStatus(spool, id)?.state === 'completed', `${id} to run`, PATIENT);
  };
  const replacements = () => service.output().split('was replaced: they are watched anew').length - 1;
  await goesOn('before');

  const old = `${spool.incoming}.old`;
  fs.renameSync(spool.incoming, old);
  // What a producer that has not noticed drops there is not ours, until it is moved.
  fs.mkdirSync(spool.incoming);
  await waitFor(() => replacements() === 1, 'the log to say that it was replaced', PATIENT);
  await goesOn('replaced');

  fs.rmdirSync(spool.incoming);
  await waitFor(
    () => /the spool cannot be used: ENOENT.*incoming/.test(service.output()),
    'the log to name the folder that is missing',
    PATIENT,
  );
  assert.equal((await fetch(`${service.url()}/readyz`)).status, 503);
  fs.mkdirSync(spool.incoming);
  await waitFor(() => replacements() === 2, 'the log to say that it was replaced again', PATIENT);
  await goesOn('made-anew');

  fs.renameSync(spool.root, `${spool.root}.away`);
  await waitFor(() => service.output().match(/the spool cannot be used/g)?.length === 2, 'the log to say that all is gone', PATIENT);
  fs.renameSync(`${spool.root}.away`, spool.root);
  await goesOn('back');
  assert.equal(await service.stop(), 0, service.errors());
});

test('the doorbell rings for a folder that has taken the place of the one it watched', async (t) => {
  const spool = tempSpool(t);
  let rings = 0;
  const notes: string[] = [];
  const doorbell = new Doorbell(spool, { onRing: () => rings++, onNote: (note) => notes.push(note) });
  afterwards(t, () => doorbell.close());
  const ringsFor = async (act: () => void, what: string) => {
    // Rings of what was before come late.
    await quiet(() => rings);
    const before = rings;
    act();
    await waitFor(() => rings > before, `a ring for ${what}`);
  };
  await ringsFor(() => dropFile(spool, 'a.json', '{}'), 'a file');
  await ringsFor(() => fs.writeFileSync(spool.paused, ''), 'a pause');
  await ringsFor(() => fs.rmSync(spool.paused), 'its end');
  await ringsFor(() => fs.writeFileSync(spool.cancelMarker('a'), ''), 'a cancel marker');
  fs.rmSync(spool.incoming, { recursive: true });
  await doorbell.check();
  fs.mkdirSync(spool.incoming);
  await doorbell.check();
  assert.equal(notes.length, 1);
  await doorbell.check();
  assert.equal(notes.length, 1, 'once for each time');
  await ringsFor(() => dropFile(spool, 'b.json', '{}'), 'a file in the new folder');
});

test('the doorbell does not ring for a file that is accepted, or every job would be looked for twice', async (t) => {
  const spool = tempSpool(t);
  let rings = 0;
  const doorbell = new Doorbell(spool, { onRing: () => rings++, onNote: () => undefined });
  afterwards(t, () => doorbell.close());
  await waitFor(() => rings > 0, 'the doorbell to hang');
  const ringsFor = async (act: () => void) => {
    await quiet(() => rings);
    const before = rings;
    act();
    await waitFor(() => rings > before, 'a ring');
    await quiet(() => rings);
    return rings - before;
  };
  assert.equal(await ringsFor(() => dropFile(spool, 'a.json', '{}')), 1);
  const acceptAndDrop = () => {
    fs.renameSync(`${spool.incoming}/a.json`, `${spool.pending}/a.json`);
    dropFile(spool, 'b.json', '{}');
  };
  assert.equal(await ringsFor(acceptAndDrop), 1, 'for what came, and not for what left');
});

test('names that come and go while they are looked at harm nobody, also without events', async (t) => {
  const spool = spoolInMemory(t);
  const service = await start(t, spool, { JOBSPOOL_WATCH: 'poll' });
  const stays = Array.from({ length: 100 }, (_, number) => `stays-${number}`);
  for (let number = 0; number < 3_000; number++) {
    const name = `p5-now-flees-${number}.json`;
    dropFile(spool, name, BODY);
    fs.rmSync(path.join(spool.incoming, name), { force: true });
    if (number % 30 === 0) drop(spool, stays[number / 30] as string);
    // Somebody holds a job back and lets it wait again.
    const [waiting] = number % 10 === 0 ? fs.readdirSync(spool.pending) : [];
    if (waiting) moveThereAndBack(path.join(spool.pending, waiting), path.join(spool.root, 'held'));
  }
  await waitFor(() => stays.every((id) => jobStatus(spool, id)?.state === 'completed'), 'all that stayed to run', PATIENT);
  assert.equal(await service.stop(), 0);
  assert.deepEqual(brokenPromises(spool, stays), []);
  assert.doesNotMatch(service.output(), /"level":"error"/);
});

/** Until a count has stood still for a while. */
async function quiet(count: () => number): Promise<void> {
  await waitFor(
    async () => {
      const before = count();
      await pause(300);
      return count() === before;
    },
    'silence',
    PATIENT,
  );
}

const BODY = JSON.stringify({ class: 'Trouble', method: 'noop' });

const drop = (spool: Spool, id: string): void => dropFile(spool, `p5-now-${id}.json`, BODY);

// Where there is one, a disk of memory: thousands of files take seconds elsewhere.
function spoolInMemory(t: TestContext): Spool {
  if (!fs.existsSync('/dev/shm')) return tempSpool(t);
  const folder = fs.mkdtempSync('/dev/shm/jobspool-');
  afterwards(t, () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return openSpool(path.join(folder, 'spool'), { durability: 'none' });
}

const start = (t: TestContext, spool: Spool, env: Record<string, string> = {}): Promise<Service> =>
  startService(t, { dir: spool.root, allowlist: TROUBLE, env });

/** The real service in a user namespace of its own, in which it may have no such thing. Gives its output so far. */
function startLimited(t: TestContext, spool: Spool, limit: string): () => string {
  return startIn(t, spool.root, ['-U', '-r', 'sh', '-c', `echo 0 > /proc/sys/user/${limit} && exec "$0" "$@"`]);
}

/** The real service as the last thing that `unshare` runs. Gives its output so far. */
function startIn(t: TestContext, dir: string, namespace: string[], env: Record<string, string> = {}): () => string {
  const child: ChildProcess = spawn('unshare', [...namespace, process.execPath, path.join(ROOT, 'service', 'main.ts'), 'serve'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      JOBSPOOL_DIR: dir,
      JOBSPOOL_JOBS: TROUBLE,
      JOBSPOOL_PORT: '0',
      JOBSPOOL_RUNNERS: '1',
      JOBSPOOL_SCAN: '200ms',
      JOBSPOOL_DURABILITY: 'none',
      ...env,
    },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  // Its runners end with it: they see that their dispatcher is gone.
  afterwards(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return () => output;
}

function moveThereAndBack(file: string, away: string): void {
  try {
    fs.renameSync(file, away);
    fs.renameSync(away, file);
  } catch (error) {
    // A runner was first.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function pssOf(pid: number): number {
  return 1_024 * Number(/^Pss:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}

function cpuSecondsOf(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}
