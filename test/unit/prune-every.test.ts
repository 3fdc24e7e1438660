import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pruneEvery } from '../../service/prune-every.ts';

const DAY = 86_400_000;

test('what is kept for days is looked for every hour, and what is kept for minutes soon after its time', () => {
  assert.equal(pruneEvery({ keepCompletedMs: 7 * DAY, keepFailedMs: 30 * DAY, keepLogsMs: 14 * DAY }), 3_600_000);
  assert.equal(pruneEvery({ keepCompletedMs: 7 * DAY, keepFailedMs: 60_000, keepLogsMs: 14 * DAY }), 15_000);
  assert.equal(pruneEvery({ keepCompletedMs: 7 * DAY, keepFailedMs: 0, keepLogsMs: DAY }), 5_000, 'folders are not listed all the time');
});
