import assert from 'node:assert/strict';
import test from 'node:test';
import { makeDashboard } from '../support/dashboard.ts';
import { plant } from '../support/plant.ts';

test('a job that is due is said to be due once', async (t) => {
  const { app, spool } = await makeDashboard(t);
  plant(spool, 'pending', { id: 'a', runAt: Date.now() - 5_000, acceptedAt: new Date(Date.now() - 60_000).toISOString() });
  const page = await (await app.request('/dashboard/jobs/a')).text();
  const timeline = /<ol class="timeline">.*?<\/ol>/s.exec(page)?.[0] ?? '';
  assert.equal(timeline.match(/<li>/g)?.length, 2, timeline);
  assert.match(timeline, /due; waits for a runner/);
});
