import assert from 'node:assert/strict';
import test from 'node:test';
import { Command } from 'commander';
import { addFlags, settingsFor } from '../../service/commands/settings.ts';
import { makeDashboard } from '../support/dashboard.ts';

const settingsOf = (reach: 'dashboard' | 'server') => {
  const command = addFlags(new Command('x').option('--dir <dir>'), reach);
  command.parse(['--port', '9000'], { from: 'user' });
  return settingsFor(command, reach, {});
};

test('a dashboard alone does not show what dispatchers are set to, for it cannot know', async (t) => {
  const names = settingsOf('dashboard').map(({ name }) => name);
  for (const name of ['JOBSPOOL_RUNNERS', 'JOBSPOOL_KILL_GRACE', 'JOBSPOOL_KEEP_COMPLETED']) assert.ok(!names.includes(name), name);
  for (const name of ['JOBSPOOL_DIR', 'JOBSPOOL_PORT', 'JOBSPOOL_RETRIES', 'JOBSPOOL_STALE']) assert.ok(names.includes(name), name);
  assert.ok(settingsOf('server').some(({ name }) => name === 'JOBSPOOL_RUNNERS'));
  const { app } = await makeDashboard(t, { settings: settingsOf('dashboard') });
  const page = await (await app.request('/dashboard/settings')).text();
  assert.match(page, /dispatchers have settings of their own/);
  assert.doesNotMatch(page, /What is kept/);
});
