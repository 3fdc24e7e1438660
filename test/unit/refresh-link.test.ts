import assert from 'node:assert/strict';
import test from 'node:test';
import { makeDashboard } from '../support/dashboard.ts';

test('without a script a page that would follow what happens offers to be drawn again, with its filter and under its base path', async (t) => {
  const { app } = await makeDashboard(t, { basePath: '/jobs' });
  const list = await (await app.request('/jobs/dashboard/jobs?state=failed&q=class%3AA')).text();
  assert.match(list, /<noscript><a class="button" href="\/jobs\/dashboard\/jobs\?state=failed&amp;q=class%3AA">Refresh<\/a><\/noscript>/);
  assert.doesNotMatch(await (await app.request('/jobs/dashboard/settings')).text(), /<noscript>/);
});
