/** A spool that cannot be used: a volume that went away, a disk that became read-only, permissions that were changed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { reasonsOfService } from '../../service/readiness.ts';
import { whyUnusable } from '../../spool/access.ts';
import { disk } from '../../spool/disk.ts';
import type { Spool } from '../../spool/spool.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, plant, postForm } from '../support/plant.ts';
import { tempSpool } from '../support/spool.ts';

const PAGES = ['/dashboard', '/dashboard/jobs', '/dashboard/failures', '/job-logs', '/dashboard/runners', '/dashboard/settings'];
const EVERYWHERE = [...PAGES, '/dashboard/enqueue', '/dashboard/jobs/f', '/dashboard/api'];

/** Everything can be read and nothing written, as on a disk that its system has made read-only. */
function readOnly(spool: Spool): Spool {
  const refuse = (what: string) => () => {
    throw Object.assign(new Error(`EROFS: read-only file system, ${what}`), { code: 'EROFS' });
  };
  return { ...spool, disk: { ...disk, checkAccess: refuse('access'), rename: refuse('rename'), create: refuse('open') } };
}

test('a spool that cannot be written is said on every page, and nowhere that all is well', async (t) => {
  const whole = tempSpool(t);
  plant(whole, 'failed', { id: 'f', attempts: [failedAttempt()] });
  const { app } = await makeDashboard(t, { spool: readOnly(whole) });
  for (const page of EVERYWHERE) {
    const answer = await app.request(page);
    const text = await answer.text();
    assert.equal(answer.status, 200, page);
    assert.match(text, /The spool cannot be used: EROFS/, page);
    assert.doesNotMatch(text, /All is well/, page);
  }
});

test('what cannot be done because of the spool is answered with the reason, and not as our mistake', async (t) => {
  const whole = tempSpool(t);
  plant(whole, 'failed', { id: 'f', attempts: [failedAttempt()] });
  const { app } = await makeDashboard(t, { spool: readOnly(whole) });
  const answer = await postForm(app, '/dashboard/jobs/f/retry');
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /The spool cannot be used: EROFS/);
  const submitted = await app.request('/api/jobs', {
    method: 'POST',
    body: JSON.stringify({ class: 'ExampleJob', method: 'execute', params: ['x'] }),
    headers: { 'Content-Type': 'application/json' },
  });
  assert.equal(submitted.status, 503);
  assert.match(((await submitted.json()) as { detail: string }).detail, /The spool cannot be used: EROFS/);
});

test('a spool that is gone is not taken for an empty one', async (t) => {
  const { app, spool } = await makeDashboard(t);
  plant(spool, 'failed', { id: 'f', attempts: [failedAttempt()] });
  fs.renameSync(spool.root, `${spool.root}.away`);
  for (const page of PAGES) {
    const answer = await app.request(page);
    assert.ok([200, 503].includes(answer.status), `${page} ${answer.status}`);
    const text = await answer.text();
    assert.match(text, /The spool cannot be used: ENOENT/, page);
    assert.doesNotMatch(text, /No job was ever enqueued|All is well/, page);
  }
  assert.equal((await app.request('/api/stats')).status, 503);
  fs.renameSync(`${spool.root}.away`, spool.root);
  assert.doesNotMatch(await (await app.request('/dashboard')).text(), /cannot be used/);
});

test('a disk that is nearly full is said on every page', async (t) => {
  const { app } = await makeDashboard(t, { minFreeBytes: Number.MAX_SAFE_INTEGER });
  for (const page of PAGES) assert.match(await (await app.request(page)).text(), /nothing is accepted or run until there is more/, page);
});

test('a service whose spool cannot be used is not ready', (t) => {
  const spool = tempSpool(t);
  assert.equal(whyUnusable(spool), undefined);
  assert.deepEqual(reasonsOfService(spool, { obstacle: undefined, readyRunners: 1 }), []);
  assert.match(reasonsOfService(readOnly(spool), { obstacle: undefined, readyRunners: 1 }).join(), /^the spool cannot be used: EROFS/);
});
