/** A backup of a spool that is in use, taken and restored by the commands of spool/README.md: what it promises. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { brokenPromises, stillLive } from '../support/invariants.ts';
import { runProgram, runShell } from '../support/program.ts';
import { serviceLog } from '../support/service-log.ts';
import { dropFile, startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const COMMANDS = codeBlocks('spool/README.md', 'To back up and to restore');
const PATIENT = { timeoutMs: 60_000 };

for (const tool of ['tar', 'rsync']) {
  test(`a backup by ${tool} while jobs come and run has every job that was acknowledged before, and runs none again that was over`, async (t) => {
    if (spawnSync(tool, ['--version']).error) return t.skip(`SKIPPED: ${tool} is not installed: backups by it were NOT tried`);
    const service = await startService(t, { allowlist: TROUBLE });
    const spool = openSpool(service.dir, { durability: 'none' });
    const goOn = path.join(spool.tmp, 'go-on');
    const acknowledged = enqueuePast(spool, goOn);
    await waitFor(() => isOver(spool, 'over-39') && isOver(spool, 'failed'), 'the past to be over', PATIENT);
    await waitFor(() => jobStatus(spool, 'long')?.state === 'running', 'the long job to run', PATIENT);
    await waitFor(() => jobStatus(spool, 'again')?.state === 'retrying', 'the job that waits for its next attempt', PATIENT);
    const over = acknowledged.filter((id) => isOver(spool, id));
    const present = producing(t, spool);
    await waitFor(() => isOver(spool, 'present-20'), 'jobs to come and go', PATIENT);
    acknowledged.push(...present.ids);

    const copy = await backUp(t, tool, service.dir);
    assert.ok(present.ids.length > 25, `only ${present.ids.length} jobs came meanwhile`);
    present.stop();
    // It was not disturbed: what waited for the pause goes on.
    await waitFor(() => isOver(spool, present.ids.at(-1) as string), 'the last of the jobs to run', PATIENT);
    fs.writeFileSync(goOn, '');
    await waitFor(() => isOver(spool, 'long'), 'the long job to end', PATIENT);

    const checked = await runProgram(copy, ['fsck', '--repair']);
    assert.match(checked.out, /: every one is accounted for$/m);
    // What ran is settled by the next dispatcher; all else is put right at once.
    assert.doesNotMatch(checked.out.replace(/^wrong .*(\[repaired: .*\]|was left behind.*)$/gm, ''), /^wrong/m);
    const restored = openSpool(copy, { durability: 'none' });
    assert.ok(
      acknowledged.every((id) => jobStatus(restored, id)),
      'each of them is known',
    );
    const began = new Date().toISOString();
    await startService(t, { dir: copy, allowlist: TROUBLE });
    await waitFor(() => stillLive(restored).every((text) => /^(later|again)\b/.test(text)), 'all that is due to end', PATIENT);
    assert.deepEqual(brokenPromises(restored, acknowledged), []);
    const settled = await runProgram(copy, ['fsck']);
    assert.equal(settled.code, 0, settled.out);
    const ranAgain = serviceLog(restored).filter(
      ({ event, id, time }) => time > began && event === 'running' && over.includes(id as string),
    );
    assert.deepEqual(ranAgain, []);
    assert.deepEqual([jobStatus(restored, 'failed')?.state, jobStatus(restored, 'later')?.state], ['failed', 'scheduled']);
    assert.equal(jobStatus(restored, 'long')?.attempts[0]?.outcome, 'lost');
    assert.equal(jobStatus(restored, 'long')?.state, 'completed');
  });
}

/** Jobs in every state. */
function enqueuePast(spool: Spool, goOn: string): string[] {
  const ids: string[] = [];
  const drop = (id: string, body: object, runAt = 'now') => {
    dropFile(spool, `p5-${runAt}-${id}.json`, { class: 'Trouble', method: 'noop', ...body });
    ids.push(id);
  };
  for (let n = 0; n < 40; n++) drop(`over-${n}`, {});
  drop('failed', { method: 'fail', params: ['on purpose'], retries: 0 });
  drop('again', { method: 'fail', params: ['on purpose'], retries: 3, retryDelay: '1h' });
  drop('later', {}, '20990101T000000Z');
  drop('long', { method: 'until', params: [goOn] });
  const lines = Array.from({ length: 50 }, () => JSON.stringify({ class: 'Trouble', method: 'noop' }));
  dropFile(spool, 'p4-now-batch.ndjson', `${lines.join('\n')}\n`);
  return [...ids, ...lines.map((_, n) => `batch.${n + 1}`)];
}

test('a backup that fails says so and leaves no pause behind, and one that succeeds leaves the pause of somebody else', async (t) => {
  const { root, paused } = tempSpool(t);
  const archive = path.join(tempFolder(t), 'backup.tar');
  const backedUp = (to: string) => runShell(['sh', '-c', commandsOf('tar')], { JOBSPOOL_DIR: root, BACKUP: to });
  assert.notEqual((await backedUp('/dev/full')).code, 0);
  assert.equal(fs.existsSync(paused), false);
  fs.writeFileSync(paused, '');
  const ran = await backedUp(archive);
  assert.equal(ran.code, 0, ran.err);
  assert.equal(fs.existsSync(paused), true);
});

/** Jobs that keep coming. */
function producing(t: TestContext, spool: Spool): { ids: string[]; stop(): void } {
  const ids: string[] = [];
  const timer = setInterval(() => {
    const id = `present-${ids.length}`;
    dropFile(spool, `p6-now-${id}.json`, { class: 'Trouble', method: 'noop' });
    ids.push(id);
  }, 20);
  t.after(() => clearInterval(timer));
  return { ids, stop: () => clearInterval(timer) };
}

const commandsOf = (tool: string): string =>
  COMMANDS.find((text) => text.startsWith('(') && text.includes(`  ${tool} `)) ??
  assert.fail(`spool/README.md has no commands with ${tool}`);

async function backUp(t: TestContext, tool: string, dir: string): Promise<string> {
  const copy = path.join(tempFolder(t), 'copy');
  const archive = path.join(tempFolder(t), 'backup.tar');
  fs.mkdirSync(copy);
  const ran = await runShell(['sh', '-c', commandsOf(tool)], { JOBSPOOL_DIR: dir, BACKUP: archive, COPY: copy });
  assert.equal(ran.code, 0, ran.err);
  assert.equal(fs.existsSync(path.join(dir, 'paused')), false);
  if (tool === 'tar') assert.equal((await runShell(['tar', '-xpf', archive, '-C', copy], {})).code, 0);
  return copy;
}

const isOver = (spool: Spool, id: string): boolean => ['completed', 'failed'].includes(jobStatus(spool, id)?.state ?? '');
