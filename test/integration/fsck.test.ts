/** `jobspool fsck` as an operator runs it: on a service that works, on a spool that is damaged, as another user. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { type Flaw, flaws, lasting } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { submit } from '../../spool/submit.ts';
import { DAMAGES } from '../support/damage.ts';
import { fingerprint } from '../support/fingerprint.ts';
import { putFile } from '../support/job-files.ts';
import { runProgram } from '../support/program.ts';
import { startService, tempFolder, tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '..', 'fixtures', 'allowlist.ts');
const look = (spool: Spool): Flaw[] => [...flaws(spool, new Liveness(spool, 5_000))];

test('on a service under load fsck has nothing to say, however often it looks, and a repair in a run harms no job', async (t) => {
  const { dir, output } = await startService(t, { allowlist: ALLOWLIST });
  const spool = openSpool(dir, { durability: 'none' });
  const about = () =>
    `${fs.readdirSync(spool.running).join(' ')}\n${output()
      .split('\n')
      .filter((line) => !line.includes('"event"'))
      .join('\n')}`;
  let isOver = false;
  let submitted = 0;
  const producing = (async () => {
    while (!isOver) {
      const jobs = Array.from({ length: 20 }, (_, index) =>
        index % 10 === 0
          ? { class: 'Trouble', method: 'fail', params: ['x'], retries: 2, retryDelay: '20ms' }
          : { class: 'Trouble', method: 'noop' },
      );
      submitted += (await submit(spool, jobs)).length;
      await waitFor(() => fs.readdirSync(spool.pending).length < 300, 'the backlog to shrink', { timeoutMs: 60_000 });
      await yieldToOthers();
    }
  })();
  for (let round = 0; round < 30; round++) {
    const first = look(spool);
    const began = performance.now();
    await waitFor(() => performance.now() - began > (first.length > 0 ? 200 : 20), 'the second look to be due');
    const found = lasting(first, look(spool));
    assert.deepEqual(
      found.map(({ what }) => what),
      [],
      `round ${round}: ${about()}`,
    );
    // What a first look alone would repair, in the middle of everything: each repair looks again before it acts.
    for (const { repair } of first) repair?.act();
  }
  isOver = true;
  await producing;
  assert.ok(submitted >= 100, `only ${submitted} jobs moved meanwhile`);
  await waitFor(() => ended(spool) === submitted, `all ${submitted} jobs to end`, { timeoutMs: 60_000 });
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
});

function ended(spool: Spool): number {
  const lines = fs
    .globSync(path.join(spool.completed, '*', '*.ndjson'))
    .flatMap((file) => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1));
  return lines.length + fs.readdirSync(spool.failed).length;
}

test('the command says what is wrong in a sentence and in JSON, changes nothing unless it is told to, and then says what it did', async (t) => {
  const spool = tempSpool(t);
  for (const [index, damage] of DAMAGES.entries()) damage.apply(spool, `case${index}`);
  // The jobs of the damages are old: they must not count as pruned.
  const keep = { JOBSPOOL_KEEP_COMPLETED: '36500d', JOBSPOOL_KEEP_FAILED: '36500d' };
  const fsck = (...flags: string[]) => runProgram(spool.root, ['fsck', ...flags], keep);
  const before = fingerprint(spool.root);
  const plain = await fsck();
  assert.equal(plain.code, 1, plain.err);
  assert.match(plain.out, /^wrong {2}the id "case\d+" is that of two live jobs, .* \[--repair puts it right\]$/m);
  assert.match(plain.out, /^accepted {2}2 since 2026-01-05T12:00:00\.000Z, by the service log = .* 1 nowhere: it does not add up$/m);
  const dry = await fsck('--repair', '--dry-run');
  assert.equal(dry.code, 1);
  assert.match(dry.out, /\[would have moved pending\/case\d+\.json to rejected\/, with its reason\]/);
  assert.equal(fingerprint(spool.root), before, 'nothing was written');
  const repaired = await fsck('--repair', '--json');
  const lines = ndjson(repaired.out);
  const kinds = new Set(DAMAGES.map(({ kind }) => kind));
  for (const kind of kinds)
    assert.ok(
      lines.some((line) => line.kind === kind),
      kind,
    );
  assert.ok(
    lines.filter(({ repairable }) => repairable).every(({ repaired: how }) => typeof how === 'string'),
    repaired.out,
  );
  assert.equal(repaired.code, 1, 'what needs a person is left');
  const sums = lines.at(-1);
  assert.deepEqual([sums?.kind, sums?.addsUp, sums?.accepted.total], ['sums', false, 2]);
  assert.match(
    fs.readFileSync(path.join(spool.logs, 'background_jobs_errors.log'), 'utf8'),
    /"id":"case\d+","msg":"fsck found the job nowhere/,
  );
  const after = ndjson((await fsck('--json')).out);
  const left = new Set(DAMAGES.filter(({ leaves, kind }) => leaves !== 'nothing' && kind !== 'vanished').map(({ kind }) => kind as string));
  for (const { kind } of after.slice(0, -1)) assert.ok(left.has(kind), `${kind} is left`);
  assert.equal(after.at(-1)?.addsUp, true, 'what vanished is on record now, and told of once');
});

test('a spool that cannot be opened is explained, and one that is none is not made', async (t) => {
  const spool = tempSpool(t);
  fs.writeFileSync(spool.version, '7\n');
  const newer = await runProgram(spool.root, ['fsck', '--repair']);
  assert.equal(newer.code, 1);
  assert.match(newer.out, /^wrong {2}version says "7", where 1 is expected: upgrade this Jobspool; nothing else was looked at\n$/);
  const nowhere = path.join(tempFolder(t), 'none');
  const none = await runProgram(nowhere, ['fsck', '--repair']);
  assert.equal(none.code, 2);
  assert.match(none.err, /expected a spool there, found none/);
  assert.equal(fs.existsSync(nowhere), false);
});

test('what the service cannot read, whose it is and what to do is said by root and by the service itself; root puts it right', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('SKIPPED: this test gives files to another user, and needs root');
  const UID = 54_321;
  const spool = tempSpool(t);
  for (const folder of [path.dirname(spool.root), spool.root]) fs.chmodSync(folder, 0o755);
  const job = putFile(spool, 'pending', { id: 'hidden' });
  for (const name of ['', ...fs.readdirSync(spool.root, { recursive: true, encoding: 'utf8' })])
    fs.chownSync(path.join(spool.root, name), UID, UID);
  fs.chownSync(job, 0, 0);
  fs.chmodSync(job, 0o600);
  const said =
    /wrong {2}pending\/\S+-hidden\.json cannot be read by the service \(uid 54321\): it belongs to uid 0, gid 0, with the permissions 600;.*chgrp 54321 and chmod 660/;
  const byRoot = await runProgram(spool.root, ['fsck']);
  assert.match(byRoot.out, said);
  const own = await runProgram(spool.root, ['fsck', '--repair'], { HOME: '/' }, { uid: UID, gid: UID });
  assert.equal(own.code, 1);
  assert.match(own.out, said);
  assert.match(own.out, /\[not repaired: E(PERM|ACCES)/);
  assert.match((await runProgram(spool.root, ['fsck', '--repair'])).out, /\[repaired: made pending\/\S+-hidden\.json readable/);
  const { code, out } = await runProgram(spool.root, ['fsck'], { HOME: '/' }, { uid: UID, gid: UID });
  assert.equal(code, 0, out);
  const stranger = await runProgram(spool.root, ['fsck'], { HOME: '/' }, { uid: UID + 1, gid: UID + 1 });
  assert.equal(stranger.code, 1, stranger.err);
  assert.match(stranger.out, /^wrong {2}the spool cannot be looked at: EACCES.*run fsck as the service's user, or as root$/m);
  assert.doesNotMatch(stranger.out, /nowhere/);
});

const ndjson = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
