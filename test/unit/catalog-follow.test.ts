import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { Catalog } from '../../spool/catalog.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { everything, type Filter, parseFilter } from '../../spool/filter.ts';
import { dayOf } from '../../spool/layout.ts';
import { completedLines, countByState, idOfPlace, locate, places } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { putFailed, putFile, putLine, putRejected, putRunning } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

/** A search that is not to stop early, however busy the machine is. */
const AMPLE_MS = 60_000;

const NOW = Date.now();
const DAY = 86_400_000;

test('lines that are appended, new slots and new days are seen, and days that were pruned are forgotten', async (t) => {
  const spool = tempSpool(t);
  putLine(spool, 'old', NOW - 3 * DAY);
  putLine(spool, 'a', NOW - 5_000);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(await listed(catalog), ['a', 'old']);
  putLine(spool, 'b', NOW - 4_000);
  putLine(spool, 'c', NOW - 3_000, {}, 'host-2');
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['c', 'b', 'a', 'old']);
  putLine(spool, 'yesterday', NOW - DAY);
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['c', 'b', 'a', 'yesterday', 'old']);
  fs.rmSync(spool.ledgerDay(dayOf(NOW - 3 * DAY)), { recursive: true });
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['c', 'b', 'a', 'yesterday']);
  assert.equal(catalog.counts(NOW).completed, 4);
  assert.equal(await catalog.find('old', NOW), undefined);
  assert.equal((await catalog.find('yesterday', NOW))?.job.id, 'yesterday');
});

test('a day that somebody brings back from a backup is read at once, however old', async (t) => {
  const spool = tempSpool(t);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  putLine(spool, 'old', NOW - 9 * DAY);
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['old']);
});

test('a line that is still being written, or was torn by a power cut, is no job; what follows it is', async (t) => {
  const spool = tempSpool(t);
  const file = putLine(spool, 'a', NOW - 5_000);
  const line = fs.readFileSync(file, 'utf8').replace('"a"', '"b"');
  fs.appendFileSync(file, line.slice(0, 40));
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(await listed(catalog), ['a']);
  assert.equal(catalog.unread.ledgerBytes, 0, 'half a line is not waited for');
  fs.appendFileSync(file, line.slice(40));
  await catalog.refresh(0);
  assert.deepEqual((await listed(catalog)).sort(), ['a', 'b']);
  fs.appendFileSync(file, `{"id":"torn","cla\n5\nnull\n{}\n\n`);
  putLine(spool, 'c', NOW - 4_000);
  await catalog.refresh(0);
  assert.deepEqual((await listed(catalog)).sort(), ['a', 'b', 'c']);
});

test('a line as long as a result may be is read, and so is what follows it', async (t) => {
  const spool = tempSpool(t);
  putLine(spool, 'long', NOW - 5_000, { result: 'x'.repeat(3_000_000) });
  putLine(spool, 'short', NOW - 4_000);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(await listed(catalog), ['short', 'long']);
  assert.deepEqual(await listed(catalog, 'xxxxx'), ['long']);
});

test('a ledger that a person cut short or put another in the place of is read anew', async (t) => {
  const spool = tempSpool(t);
  for (const id of ['a', 'b', 'c']) putLine(spool, id, NOW - 5_000);
  const file = putLine(spool, 'd', NOW - 4_000);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.equal(catalog.counts(NOW).completed, 4);
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  fs.writeFileSync(file, `${lines[1]}\n`);
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['b']);
  assert.deepEqual(catalog.counts(NOW), countByState(spool, NOW));
});

test('what waits, runs and is over is followed through all its folders', async (t) => {
  const spool = tempSpool(t);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const name = path.basename(putFile(spool, 'pending', { id: 'a', runAt: NOW - 1_000 }));
  const states: string[] = [];
  const look = async () => {
    await catalog.refresh(0);
    assert.deepEqual(catalog.counts(NOW), countByState(spool, NOW));
    states.push(...(await catalog.list({ filter: everything(), limit: 5 }, NOW)).jobs.map(({ state }) => state));
  };
  await look();
  fs.mkdirSync(spool.slot('host-1'));
  fs.renameSync(`${spool.pending}/${name}`, spool.claimed('host-1', name));
  await look();
  fs.renameSync(spool.claimed('host-1', name), `${spool.retrying}/${name}`);
  await look();
  fs.renameSync(`${spool.retrying}/${name}`, `${spool.failed}/${name}`);
  await look();
  fs.renameSync(`${spool.failed}/${name}`, `${spool.incoming}/${name}`);
  await look();
  fs.renameSync(`${spool.incoming}/${name}`, `${spool.cancelled}/${name}`);
  await look();
  assert.deepEqual(states, ['pending', 'running', 'retrying', 'failed', 'pending', 'cancelled']);
});

test('a job that was retried and failed again under the same name is listed as it failed last', async (t) => {
  const spool = tempSpool(t);
  const file = putFailed(spool, 'a', NOW - 60_000, 'the first time');
  putFailed(spool, 'b', NOW - 30_000);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(await listed(catalog), ['b', 'a']);
  fs.unlinkSync(file);
  putFailed(spool, 'a', NOW - 10_000, 'the second time');
  await waitFor(async () => {
    await catalog.refresh(0);
    return (await listed(catalog)).join() === 'a,b';
  }, 'the job that failed again to stand in front');
  assert.deepEqual(await listed(catalog, 'error:"second time"'), ['a']);
});

test('a job that was edited in place is found by what it is now', async (t) => {
  const spool = tempSpool(t);
  const file = putFile(spool, 'pending', { id: 'a', runAt: NOW - 1_000, request: { class: 'Before' } });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(await listed(catalog, 'class:Before'), ['a']);
  fs.writeFileSync(`${spool.tmp}/edited`, JSON.stringify({ class: 'After' }));
  // Both files may be written within one tick of the clock.
  const { atime, mtime } = fs.statSync(file);
  fs.utimesSync(`${spool.tmp}/edited`, atime, mtime);
  fs.utimesSync(file, atime, mtime);
  await listed(catalog, 'class:Before');
  fs.renameSync(`${spool.tmp}/edited`, file);
  assert.deepEqual(await listed(catalog, 'class:Before'), []);
  await waitFor(async () => {
    await catalog.refresh(0);
    return (await listed(catalog, 'class:After')).length === 1;
  }, 'the edit to be noticed');
});

test('a version changes with the jobs of its state and with nothing else', async (t) => {
  const spool = tempSpool(t);
  putRunning(spool, 'host-1', { id: 'runs' });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const changedBy = async (act: () => void) => {
    const before = new Map(STATES.map((state) => [state, catalog.version(state)]));
    act();
    await catalog.refresh(0);
    return STATES.filter((state) => catalog.version(state) !== before.get(state));
  };
  assert.deepEqual(await changedBy(() => undefined), []);
  assert.deepEqual(await changedBy(() => putLine(spool, 'done', NOW)), ['completed']);
  assert.deepEqual(await changedBy(() => putFailed(spool, 'f', NOW)), ['failed']);
  assert.deepEqual(await changedBy(() => putFile(spool, 'retrying', { id: 'r' })), ['retrying']);
  assert.deepEqual(await changedBy(() => putRejected(spool, 'x.json', NOW)), ['rejected']);
  assert.deepEqual(await changedBy(() => fs.writeFileSync(spool.progress('host-1'), '50')), ['running']);
  assert.deepEqual(await changedBy(() => fs.writeFileSync(spool.cancelMarker('runs'), '')), ['running']);
  assert.deepEqual(await changedBy(() => fs.writeFileSync(`${spool.pending}/notes.txt`, '')), []);
});

test('nothing is read again while nothing changes, and nothing at all while nobody asks', async (t) => {
  const calls: string[] = [];
  const counting = new Proxy(disk, {
    get(target, name, receiver) {
      const call = Reflect.get(target, name, receiver) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return call(...args);
      };
    },
  }) as Disk;
  const spool = tempSpool(t, { disk: counting });
  for (let n = 0; n < 50; n++) {
    putFile(spool, 'pending', { id: `p-${n}` });
    putFailed(spool, `f-${n}`, NOW - n);
    putLine(spool, `l-${n}`, NOW - n);
  }
  // A folder that changed just now is read once more: its clock may be too coarse to show another change.
  await pause(150);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  await catalog.refresh(0);
  await pause(20);
  calls.length = 0;
  await pause(20);
  assert.deepEqual(calls, []);
  await catalog.refresh(0);
  assert.deepEqual(
    calls.filter((name) => name === 'namesOf' || name === 'inspect' || name === 'readBytes'),
    [],
  );
  assert.ok(calls.length < 40, `expected a few looks, got ${calls.length}: ${calls.join(' ')}`);
});

test('whoever asks while the spool is being looked at gets the same look; after a change of their own, a new one', async (t) => {
  const spool = tempSpool(t);
  const catalog = new Catalog(spool);
  await Promise.all([catalog.refresh(), catalog.refresh(), catalog.refresh()]);
  const looking = catalog.refresh(0);
  putFile(spool, 'pending', { id: 'mine', runAt: NOW - 1 });
  await Promise.all([catalog.refresh(0), catalog.refresh(0)]);
  assert.deepEqual(await listed(catalog), ['mine']);
  await looking;
});

test('a folder that cannot be read is said, and read as soon as it can be', async (t) => {
  let fails = true;
  const failing: Disk = {
    ...disk,
    async *namesOf(folder) {
      if (fails && folder.endsWith('pending')) throw new Error('EIO: i/o error, scandir');
      yield* disk.namesOf(folder);
    },
  };
  const spool = tempSpool(t, { disk: failing });
  putFile(spool, 'pending', { id: 'a', runAt: NOW - 1 });
  const catalog = new Catalog(spool);
  await assert.rejects(catalog.refresh(), /EIO/);
  fails = false;
  await catalog.refresh(0);
  assert.deepEqual(await listed(catalog), ['a']);
});

test('of more completed jobs than are kept, the newest are listed, all are counted, and each is found', async (t) => {
  const spool = tempSpool(t);
  for (let n = 0; n < 40; n++) putLine(spool, `old-${n}`, NOW - 2 * DAY - n * 1_000, {}, `host-${n % 3}`);
  for (let n = 0; n < 40; n++) putLine(spool, `new-${n}`, NOW - n * 1_000, {}, `host-${n % 3}`);
  const catalog = new Catalog(spool, { maxCompleted: 30 });
  await catalog.refresh();
  assert.equal(catalog.counts(NOW).completed, 80);
  const { jobs, total, stoppedEarly, next } = await catalog.list(
    { filter: filterOf('state:completed'), limit: 100, budgetMs: AMPLE_MS },
    NOW,
  );
  assert.deepEqual(
    jobs.map(({ id }) => id),
    Array.from({ length: 30 }, (_, n) => `new-${n}`),
  );
  assert.deepEqual({ total, stoppedEarly, next }, { total: 80, stoppedEarly: true, next: undefined });
  for (const id of ['old-39', 'new-35', 'new-0']) assert.equal((await catalog.find(id, NOW))?.job.id, id);
  putLine(spool, 'newest', NOW);
  await catalog.refresh(0);
  assert.equal(catalog.counts(NOW).completed, 81);
  assert.equal((await listed(catalog))[0], 'newest');
});

test('whatever happens in a spool, the catalog says what its files say', async (t) => {
  const number = fc.nat({ max: 7 });
  const act = fc.record({ kind: fc.constantFrom(...Object.keys(ACTS)) as fc.Arbitrary<keyof typeof ACTS>, id: number, where: number });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(act, { maxLength: 6 }), { maxLength: 8 }), async (rounds) => {
      const spool = tempSpool(t);
      const catalog = new Catalog(spool, { maxCompleted: 1_000 });
      for (const acts of rounds) {
        for (const { kind, id, where } of acts) ACTS[kind](spool, `id-${id}`, where);
        await catalog.refresh(0);
        assert.deepEqual(catalog.counts(NOW), countByState(spool, NOW));
        const { jobs, total } = await catalog.list({ filter: everything(), limit: 1_000, budgetMs: AMPLE_MS }, NOW);
        assert.deepEqual(jobs.map(({ state, id }) => `${state} ${id}`).sort(), fromFiles(spool));
        assert.equal(total, jobs.length);
      }
    }),
    { numRuns: 40 },
  );
});

const FOLDERS = ['pending', 'retrying', 'failed', 'cancelled'] as const;

/** What may happen to a spool between two looks. */
const ACTS = {
  put: (spool: Spool, id: string, where: number) =>
    void putFile(spool, FOLDERS[where % 4] as 'pending', { id, runAt: NOW + (where - 4) * DAY }),
  fail: (spool: Spool, id: string, where: number) => void putFailed(spool, id, NOW - where * 1_000),
  reject: (spool: Spool, id: string, where: number) => putRejected(spool, `${id}.json`, NOW - where * 1_000),
  complete: (spool: Spool, id: string, where: number) => void putLine(spool, id, NOW - (where % 2) * DAY - where, {}, `host-${where % 3}`),
  move(spool: Spool, id: string, where: number) {
    const place = locate(spool, id, NOW);
    if (place && place.state !== 'rejected') fs.renameSync(place.file, path.join(spool[FOLDERS[where % 4] as 'pending'], place.name));
  },
  remove(spool: Spool, id: string) {
    const place = locate(spool, id, NOW);
    if (place) fs.unlinkSync(place.file);
  },
  prune: (spool: Spool) => fs.rmSync(spool.ledgerDay(dayOf(NOW - DAY)), { recursive: true, force: true }),
};

function fromFiles(spool: Spool): string[] {
  const inFolders = STATES.flatMap((state) => [...places(spool, state, NOW)].map((place) => `${state} ${idOfPlace(place)}`));
  return [...inFolders, ...[...completedLines(spool)].map(({ id }) => `completed ${id}`)].sort();
}

const STATES = ['scheduled', 'pending', 'running', 'retrying', 'completed', 'failed', 'cancelled', 'rejected'] as const;

async function listed(catalog: Catalog, text = ''): Promise<string[]> {
  return (await catalog.list({ filter: filterOf(text), limit: 100, budgetMs: AMPLE_MS }, Date.now())).jobs.map(({ id }) => id);
}

function filterOf(text: string): Filter {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.filter;
}
