/** Calls that share a sync: none may be told that it is safe by one that began before it asked. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SharedSync } from '../../spool/shared-sync.ts';

/** A sync that ends when it is told to. */
function aSync() {
  const running: { resolve(): void; reject(error: Error): void }[] = [];
  const shared = new SharedSync(() => new Promise((resolve, reject) => void running.push({ resolve, reject })));
  return { shared, running };
}

test('who asks while a sync is on its way shares the next one, and only that one', async () => {
  const { shared, running } = aSync();
  const told: string[] = [];
  const ask = (who: string) => shared.ask().then(() => void told.push(who));
  const asked = [ask('first')];
  await turn();
  asked.push(ask('second'), ask('third'));
  await turn();
  assert.equal(running.length, 1, 'one at a time');
  running[0]?.resolve();
  await turn();
  assert.deepEqual(told, ['first']);
  assert.equal(running.length, 2, 'the second and the third share one');
  running[1]?.resolve();
  await Promise.all(asked);
  assert.deepEqual(told, ['first', 'second', 'third']);
});

test('a sync that fails is told to all that share it, and to nobody after them', async () => {
  const { shared, running } = aSync();
  const failing = Promise.allSettled([shared.ask(), shared.ask()]);
  await turn();
  const next = shared.ask();
  running[0]?.reject(new Error('EIO'));
  assert.deepEqual(
    (await failing).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  await turn();
  running[1]?.resolve();
  await next;
});
