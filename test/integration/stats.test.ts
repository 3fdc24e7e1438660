/** The command line and the dashboard tell the same of the same spool. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Catalog } from '../../spool/catalog.ts';
import type { Spool } from '../../spool/spool.ts';
import { retry } from '../../spool/steer.ts';
import { putFile } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';

const MAIN = path.resolve(import.meta.dirname, '../../service/main.ts');
const HOUR = 3_600_000;

function statsOf(spool: Spool): { oldestPendingMs: number | null; counts: object } {
  return JSON.parse(execFileSync(process.execPath, [MAIN, 'stats', '--json', '--dir', spool.root]).toString());
}

async function oldestOf(t: TestContext, fill: (spool: Spool) => void) {
  const spool = tempSpool(t);
  fill(spool);
  const catalog = new Catalog(spool);
  await catalog.refresh(0);
  const { oldestPendingMs, counts } = statsOf(spool);
  assert.deepEqual(counts, catalog.counts(Date.now()));
  return { cli: oldestPendingMs, dashboard: catalog.oldestPendingMs(Date.now()) };
}

test('a job that was retried by hand has not waited since its last attempt', async (t) => {
  const { cli, dashboard = Number.NaN } = await oldestOf(t, (spool) => {
    putFile(spool, 'failed', { id: 'a', runAt: Date.now() - 48 * HOUR });
    assert.equal(retry(spool, 'a').kind, 'done');
    putFile(spool, 'pending', { id: 'b', runAt: Date.now() - HOUR });
  });
  for (const ms of [cli ?? Number.NaN, dashboard]) assert.ok(ms >= 0 && ms < 60_000, `${ms}`);
  assert.ok(Number.isInteger(dashboard));
});

test('a job that is due again and not yet run counts as waiting', async (t) => {
  const due = await oldestOf(t, (spool) => void putFile(spool, 'retrying', { id: 'r', runAt: Date.now() - 5_000 }));
  assert.notEqual(due.cli, null);
  assert.notEqual(due.dashboard, undefined);
  const none = await oldestOf(t, (spool) => void putFile(spool, 'retrying', { id: 'r', runAt: Date.now() + HOUR }));
  assert.deepEqual(none, { cli: null, dashboard: undefined });
});
