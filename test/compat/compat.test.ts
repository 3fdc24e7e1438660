/** Spools of released versions open, are read and drain; those that this version does not understand are refused and left as they are. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Catalog } from '../../spool/catalog.ts';
import { flaws } from '../../spool/fsck.ts';
import { FOLDERS, layout } from '../../spool/layout.ts';
import { slots } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import { resume } from '../../spool/marker.ts';
import { completedLines, countByState, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { STATES } from '../../spool/state.ts';
import { retry, runNow } from '../../spool/steer.ts';
import { startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';
import { filesUnder, type KeptJob, type KeptSpool, keptVersions, readKept, rebuild } from './kept-spool.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const ALLOWLIST = path.join(import.meta.dirname, 'allowlist.json');
/** What is old by now is not to be removed while it is looked for. */
const KEEP = { JOBSPOOL_KEEP_COMPLETED: '36500d', JOBSPOOL_KEEP_FAILED: '36500d', JOBSPOOL_KEEP_LOGS: '36500d' };
const ENV = { ...KEEP, JOBSPOOL_JOBS: ALLOWLIST };

function cli(dir: string, ...words: string[]): { code: number | null; out: string; errors: string } {
  const result = spawnSync(process.execPath, [path.join(ROOT, 'service', 'main.ts'), '--dir', dir, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...ENV, JOBSPOOL_PORT: '0' },
  });
  return { code: result.status, out: result.stdout, errors: result.stderr };
}

for (const version of keptVersions()) {
  const kept = readKept(version);

  test(`every job of a spool of version ${version} is found by all that read spools`, async (t) => {
    const root = path.join(tempFolder(t), 'spool');
    rebuild(kept, root);
    const spool = openSpool(root, { durability: 'none' });
    await assertRead(spool, kept.jobs);
    const listed = cli(root, 'ls', '--limit', '0', '--json')
      .out.trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(listed.map(({ id, state }) => `${id} ${state}`).sort(), kept.jobs.map(({ id, state }) => `${id} ${state}`).sort());
    const shown = cli(root, 'show', 'failed');
    assert.equal(shown.code, 0, shown.errors);
    assert.match(shown.out, /the server answers 503: try again later/);
    const found = [...flaws(spool, new Liveness(spool, 5_000))].filter(({ level }) => level === 'wrong');
    const expected = /was left behind|is a move that was not finished|draft|log says/;
    assert.deepEqual(
      found.filter(({ what }) => !expected.test(what)),
      [],
      'nothing is wrong but what the dead runners left',
    );
    assert.deepEqual(filesUnder(root), filesAt(kept, root), 'to read a spool changes nothing');
  });

  test(`the service brings every job of a spool of version ${version} to its end, and failed ones run again with their history`, async (t) => {
    const root = path.join(tempFolder(t), 'spool');
    rebuild(kept, root, { emptyFolders: false });
    const service = await startService(t, { dir: root, allowlist: ALLOWLIST, env: ENV });
    const spool = openSpool(root, { durability: 'none' });
    for (const name of FOLDERS) assert.ok(fs.statSync(spool[name]).isDirectory(), `${name} is made where it was missing`);
    await waitFor(() => jobStatus(spool, 'half-settled')?.state === 'failed', 'what the dead runners left to be settled', {
      timeoutMs: 30_000,
    });
    assert.equal(jobStatus(spool, 'pending')?.state, 'pending', 'the spool is paused still');
    resume(spool);
    for (const { id, state } of kept.jobs) again(spool, id, state);
    await waitFor(() => spool.disk.names(spool.incoming).length === 0, 'what is retried to be accepted', { timeoutMs: 30_000 });
    // A job that was cancelled before its time keeps that.
    for (const { id } of kept.jobs) if (jobStatus(spool, id)?.state === 'scheduled') runNow(spool, id);
    await waitFor(() => isDrained(spool), 'every job to end', { timeoutMs: 60_000 }).catch((error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(countByState(spool))}\n${service.output()}`);
    });
    for (const job of kept.jobs) assertEnded(spool, job);
    assert.equal([...completedLines(spool)].length, kept.jobs.filter(({ then }) => then === 'completed').length, 'lines of the ledger');
    await waitFor(() => slots(spool).every((slot) => !slot.includes(`-${deadPid(kept)}`)), 'nothing to be left of the dead slots');
    for (const file of Object.keys(kept.files).filter((name) => name.startsWith('completed/') && name.endsWith('.ndjson')))
      assert.equal(fs.readFileSync(path.join(root, file), 'utf8'), kept.files[file]?.text, `${file} is as it was`);
  });
}

/** All readers say of every job what was kept of it. */
async function assertRead(spool: Spool, jobs: KeptJob[]): Promise<void> {
  const now = Date.now();
  const catalog = new Catalog(spool);
  await catalog.refresh(0);
  for (const { id, state, attempts } of jobs) {
    const status = jobStatus(spool, id, now);
    // What was scheduled when the spool was made may be due by now.
    assert.equal(status?.state, state === 'scheduled' && Date.parse(status?.runAt ?? '') <= now ? 'pending' : state, id);
    assert.equal(status?.attempts.length, attempts, `attempts of ${id}`);
    assert.deepEqual((await catalog.find(id, now))?.job, status, id);
  }
  const counts = countByState(spool, now);
  assert.deepEqual(catalog.counts(now), counts);
  assert.equal(
    STATES.reduce((sum, state) => sum + counts[state], 0),
    jobs.length,
  );
}

// What waits for its time or is over is run now, as a person would ask for it.
function again(spool: Spool, id: string, state: KeptJob['state']): void {
  if (state === 'failed' || state === 'cancelled') assert.equal(retry(spool, id).kind, 'done', `retry ${id}`);
  if (state === 'scheduled' || state === 'retrying') assert.notEqual(runNow(spool, id).kind, 'unknown', `run ${id} now`);
}

/** Nothing waits or runs. Names alone are read: whoever polls must not take the machine from those that work. */
function isDrained(spool: Spool): boolean {
  const folders = [spool.incoming, spool.pending, spool.retrying, ...slots(spool).map((slot) => spool.slot(slot))];
  return folders.every((folder) => spool.disk.names(folder).length === 0);
}

function assertEnded(spool: Spool, { id, state, attempts, then }: KeptJob): void {
  const status = jobStatus(spool, id);
  assert.equal(status?.state, then, id);
  // A rejected file has the name that its producer gave it, which is not looked for there.
  if (then !== 'rejected') assert.deepEqual(whereabouts(spool, id), [then === 'completed' ? 'ledger' : then], `${id} is in one place`);
  const isRunAgain = state !== 'completed' && then === 'completed';
  // The attempt that died with its runner is one more.
  const died = state === 'running' && isRunAgain ? 1 : 0;
  assert.equal(status?.attempts.length, attempts + died + (isRunAgain ? 1 : 0), `the history of ${id} is kept`);
}

const deadPid = ({ files }: KeptSpool): string => {
  const holder = Object.entries(files).find(([name]) => /^running\/[^/]*\.holder$/.test(name))?.[1].text;
  return String(JSON.parse(holder ?? '{}').pid);
};

/** What was kept, with the times that `filesUnder` gives now: of the version's file, that of the rebuilding. */
function filesAt({ files }: KeptSpool, root: string): KeptSpool['files'] {
  const { at } = filesUnder(root).version as { at: string };
  return { ...files, version: { ...files.version, at } };
}

const REFUSED: [what: string, write: (file: string) => void, says: RegExp, code: string][] = [
  [
    'of a newer version',
    (file) => fs.writeFileSync(file, '2\n'),
    /got "2"; the spool was written by a newer Jobspool: upgrade this one\. Nothing was changed\.$/,
    'SPOOL_VERSION',
  ],
  ['of a version far from now', (file) => fs.writeFileSync(file, '1000000\n'), /newer Jobspool/, 'SPOOL_VERSION'],
  ['with an empty version file', (file) => fs.writeFileSync(file, ''), /got an empty file .* write 1 into it/, 'SPOOL_VERSION'],
  [
    'with a version file of white space',
    (file) => fs.writeFileSync(file, ' \n\n'),
    /got an empty file .* write 1 into it/,
    'SPOOL_VERSION',
  ],
  [
    'with a nonsense version',
    (file) => fs.writeFileSync(file, 'one'),
    /got "one"; the file is damaged: .*write 1 into it/,
    'SPOOL_VERSION',
  ],
  ['with half a version', (file) => fs.writeFileSync(file, '1.5'), /got "1\.5"; the file is damaged/, 'SPOOL_VERSION'],
  ['with a version of zeros', (file) => fs.writeFileSync(file, '\0\0\0'), /the file is damaged/, 'SPOOL_VERSION'],
  ['with a version before the first', (file) => fs.writeFileSync(file, '0\n'), /got "0"; the file is damaged/, 'SPOOL_VERSION'],
  [
    'with a version that is huge',
    (file) => fs.writeFileSync(file, '1'.repeat(100_000)),
    /the file is damaged|holds something else/,
    'SPOOL_VERSION',
  ],
  ['whose version is a folder', (file) => fs.mkdirSync(file), /a folder/, 'SPOOL_VERSION'],
  ['whose version is a link', (file) => fs.symlinkSync('elsewhere', file), /a symbolic link/, 'SPOOL_VERSION'],
];

for (const [what, write, says, code] of REFUSED) {
  test(`a spool ${what} is refused in a sentence, and nothing in it is changed`, (t) => {
    const root = path.join(tempFolder(t), 'spool');
    // Nor is what is missing made.
    rebuild(readKept(keptVersions()[0] as string), root, { emptyFolders: false });
    fs.rmSync(path.join(root, 'version'));
    write(path.join(root, 'version'));
    const before = filesUnder(root);
    assert.throws(
      () => openSpool(root),
      (error: Error & { code: string }) => says.test(error.message) && error.message.includes(layout(root).version) && error.code === code,
    );
    assert.deepEqual(filesUnder(root), before);
  });
}

test('the service does not start on a spool of a newer version, and does not touch it', (t) => {
  const root = path.join(tempFolder(t), 'spool');
  rebuild(readKept(keptVersions()[0] as string), root, { emptyFolders: false });
  fs.writeFileSync(path.join(root, 'version'), '2\n');
  const before = filesUnder(root);
  const { code, errors } = cli(root, 'serve');
  assert.equal(code, 2);
  assert.match(errors, /^jobspool: open the spool .* newer Jobspool: upgrade this one\. Nothing was changed\.\n$/);
  assert.deepEqual(filesUnder(root), before);
});

test('a spool whose version file is lost is one of this version, with all its jobs', async (t) => {
  const kept = readKept(keptVersions()[0] as string);
  const root = path.join(tempFolder(t), 'spool');
  rebuild(kept, root);
  fs.rmSync(path.join(root, 'version'));
  const spool = openSpool(root, { durability: 'none' });
  assert.equal(fs.readFileSync(spool.version, 'utf8'), '1\n');
  await assertRead(spool, kept.jobs);
});
