/** Several dispatchers in containers of their own on one volume, and the dashboard as a service beside them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { Spool } from '../../spool/spool.ts';
import { composed, ROOT, skipsWithoutEngine } from '../support/docker.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = 3_000;

test('three dispatchers and a dashboard share a spool, and each of 3,000 jobs runs once', { timeout: 180_000 }, async (t) => {
  if (skipsWithoutEngine(t)) return;
  const files = ['docker/compose.dispatchers.yaml', 'docker/compose.dashboard.yaml'];
  const jobs = path.join(ROOT, 'test', 'fixtures', 'container');
  const { spool, compose, url } = await composed(t, { files, jobs });
  await compose('up', '--detach', '--no-build', '--wait', '--scale', 'dispatcher=3');
  for (let n = 0; n < JOBS; n++) dropFile(spool, `p5-now-job-${n}.json`, { class: 'Work', method: 'noop' });
  await waitFor(() => ledger(spool).length >= JOBS, `${JOBS} lines in the ledger`, { timeoutMs: 120_000 });
  const lines = ledger(spool).map((line) => JSON.parse(line) as { id: string; attempts: { runner: string }[] });
  assert.equal(lines.length, JOBS);
  assert.equal(new Set(lines.map(({ id }) => id)).size, JOBS);
  assert.ok(
    lines.every(({ attempts }) => attempts.length === 1),
    'a job was run twice',
  );
  const hosts = new Set(lines.map(({ attempts }) => attempts[0]?.runner.replace(/-\d+(\.\d+)?$/, '')));
  assert.equal(hosts.size, 3, `jobs ran in ${[...hosts].join(', ')}`);
  assert.match(await compose('exec', '-T', 'jobspool', 'jobspool', 'fsck'), /every one is accounted for/);
  // Nothing runs in the dashboard's container, and it sees all of them.
  assert.equal((await fetch(`${await url()}/readyz`)).status, 200);
  assert.match(await compose('exec', '-T', 'jobspool', 'jobspool', 'stats'), /^dispatchers\s+3:/m);
});

function ledger(spool: Spool): string[] {
  const files = fs.readdirSync(spool.completed, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ndjson'));
  return files.flatMap((name) => fs.readFileSync(path.join(spool.completed, name), 'utf8').split('\n')).filter((line) => line !== '');
}
