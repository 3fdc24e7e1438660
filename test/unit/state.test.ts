import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTIONS, allows, FINAL_STATES, isFinal, STATES } from '../../spool/state.ts';

test('the states are the eight words that folders, pages and documents use', () => {
  assert.deepEqual([...STATES], ['scheduled', 'pending', 'running', 'retrying', 'completed', 'failed', 'cancelled', 'rejected']);
});

test('a job that is over cannot be cancelled, and one that is not can', () => {
  for (const state of STATES) assert.equal(allows(state, 'cancel'), !isFinal(state), state);
});

test('a completed job is never run again, and nothing that runs is removed', () => {
  for (const action of Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]) assert.equal(allows('completed', action), false, action);
  assert.equal(allows('running', 'remove'), false);
  assert.equal(allows('running', 'retry'), false);
});

test('every other final state offers a retry', () => {
  for (const state of FINAL_STATES) assert.equal(allows(state, 'retry'), state !== 'completed', state);
});
