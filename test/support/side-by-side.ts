/** Jobs of shared methods (test/fixtures/side-by-side.ts) and the real service that runs them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { holderOfSlot } from '../../spool/lease.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import type { SideBySide } from '../fixtures/side-by-side.ts';
import { dropFile, startService, tempFolder } from './spool.ts';
import { waitFor } from './wait-for.ts';
import { whereabouts } from './whereabouts.ts';

export const SIDE_BY_SIDE = path.resolve(import.meta.dirname, '..', 'fixtures', 'side-by-side-allowlist.ts');
export const NEIGHBOURS = ['n1', 'n2', 'n3'];

/** One runner, unless `env` says otherwise. */
export async function startSideBySide(t: TestContext, env: Record<string, string> = {}, dir?: string) {
  const where = dir === undefined ? {} : { dir };
  const service = await startService(t, {
    ...where,
    allowlist: SIDE_BY_SIDE,
    env: { JOBSPOOL_RUNNERS: '1', JOBSPOOL_KILL_GRACE: '300ms', ...env },
  });
  const spool = openSpool(service.dir, { durability: 'none' });
  const folder = tempFolder(t);
  const began = (id: string) => fs.existsSync(path.join(folder, `began-${id}`));
  return {
    service,
    spool,
    folder,
    drop: (id: string, method: keyof SideBySide, params: unknown[] = [], priority = 5) =>
      dropFile(spool, `p${priority}-now-${id}.json`, { class: 'SideBySide', method, params: [folder, ...params] }),
    /** As a job of the one method whose jobs do all sorts of things. */
    mix: (id: string, kind: keyof SideBySide, policy: object = {}) =>
      dropFile(spool, `p5-now-${id}.json`, { class: 'Mixed', method: 'run', params: [kind, folder], ...policy }),
    /** Whether the job's handler has begun. */
    began,
    begun: (ids: readonly string[]) => waitFor(() => ids.every(began), `${ids.join(', ')} to begin`, { timeoutMs: 60_000 }),
    /** Which jobs ran, in that order. */
    ran: () => (fs.existsSync(path.join(folder, 'order')) ? fs.readFileSync(path.join(folder, 'order'), 'utf8').trim().split('\n') : []),
    openGate: () => fs.writeFileSync(path.join(folder, 'gate'), ''),
    events: () => fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8'),
  };
}

export const ended = (spool: Spool, id: string) => waitForJob(spool, id, { timeout: '60s' });
export const outcomes = (status: Awaited<ReturnType<typeof ended>>) => [status.state, ...status.attempts.map(({ outcome }) => outcome)];
export const touch = (spool: Spool, id: string) => fs.writeFileSync(path.join(spool.cancel, id), '');
export const pidOf = (spool: Spool, id: string) => holderOfSlot(spool, jobStatus(spool, id)?.runner as string)?.pid as number;

export async function allCompleted(spool: Spool, ids: readonly string[], expected = ['completed', 'completed']): Promise<void> {
  for (const id of ids) {
    assert.deepEqual(outcomes(await ended(spool, id)), expected, id);
    await waitFor(() => whereabouts(spool, id).length === 1, `${id} to be in one place`);
  }
}
