/** The verdict of the torture must be able to fail: each test gives it a world with one thing wrong in it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { tempFolder } from '../support/spool.ts';
import { readBooks } from '../torture/books.ts';
import { type Circumstances, judge } from '../torture/verdict.ts';

const BEGAN = Date.UTC(2026, 10, 22, 12);
const iso = (ms: number) => new Date(ms).toISOString();

/** A folder as the torture leaves it, written by hand. */
class Left {
  readonly dir: string;

  constructor(t: TestContext) {
    this.dir = tempFolder(t);
    for (const folder of [
      'producers',
      'spool/tmp',
      'spool/cancel',
      'spool/running',
      'spool/incoming',
      'spool/failed',
      'spool/completed/2026-11-22',
    ])
      fs.mkdirSync(path.join(this.dir, folder), { recursive: true });
  }

  submitted(...keys: string[]): this {
    return this.#append('producers/p.log', keys.map((key) => `I ${key} ${key}\nA ${key} ${key}\n`).join(''));
  }

  /** A request whose id is another's. */
  submittedAs(id: string, key: string): this {
    return this.#append('producers/p.log', `I ${key} ${id}\nA ${key} ${id}\n`);
  }

  ran(
    key: string,
    { attempt = 1, pid = 7, at = 0, tookMs = 5 }: { attempt?: number; pid?: number; at?: number; tookMs?: number } = {},
  ): this {
    const line = (what: string, ms: number) => `${what} ${key} ${attempt} ${pid} ${BEGAN + ms}\n`;
    return this.#append('evidence.log', `${line('S', at)}${line('E', at + tookMs)}`);
  }

  recorded(key: string, { at = 10, slot = 'host-7', id = key }: { at?: number; slot?: string; id?: string } = {}): this {
    const times = { runAt: iso(BEGAN - 100), finishedAt: iso(BEGAN + at) };
    const line = { id, params: [key], attempts: [{ number: 1, outcome: 'completed' }], ...times };
    return this.#append(`spool/completed/2026-11-22/${slot}.ndjson`, `${JSON.stringify(line)}\n`);
  }

  failed(key: string, outcomes: string[]): this {
    const attempts = outcomes.map((outcome, index) => ({ number: index + 1, outcome }));
    return this.put(`spool/failed/p5-20261122T120000.000Z-${key}.json`, JSON.stringify({ params: [key], attempts }));
  }

  put(file: string, text: string): this {
    fs.mkdirSync(path.dirname(path.join(this.dir, file)), { recursive: true });
    fs.writeFileSync(path.join(this.dir, file), text);
    return this;
  }

  /** The promises that were broken, with the jobs. */
  broken(circumstances: Partial<Circumstances> = {}): string[] {
    const { problems } = judge(readBooks(this.dir), { crashes: 0, killed: new Set(), ...circumstances });
    return problems.map(({ promise, key = '' }) => `${promise} ${key}`.trim());
  }

  #append(file: string, text: string): this {
    fs.appendFileSync(path.join(this.dir, file), text);
    return this;
  }
}

/** Three jobs, all as they should be. */
const good = (t: TestContext): Left => {
  const left = new Left(t).submitted('noop.p.1', 'noop.p.2', 'doomed.p.3');
  for (const key of ['noop.p.1', 'noop.p.2']) left.ran(key).recorded(key);
  return left.failed('doomed.p.3', ['failed', 'failed']);
};

test('a spool in which every job is where it should be is passed, and counted', (t) => {
  const left = good(t);
  assert.deepEqual(left.broken(), []);
  const { acknowledged, completed, failed, executions } = judge(readBooks(left.dir), { crashes: 0, killed: new Set() });
  assert.deepEqual({ acknowledged, completed, failed, executions }, { acknowledged: 3, completed: 2, failed: 1, executions: 2 });
});

test('an acknowledged job that is nowhere is lost', (t) => {
  assert.deepEqual(good(t).submitted('noop.p.4').broken(), ['lost noop.p.4']);
});

test('a job that is recorded twice has two final outcomes, in one ledger, in two, or in a ledger and a folder', (t) => {
  assert.deepEqual(good(t).recorded('noop.p.1').broken(), ['two final outcomes noop.p.1']);
  assert.deepEqual(good(t).recorded('noop.p.1', { slot: 'host-8' }).broken(), ['two final outcomes noop.p.1']);
  assert.deepEqual(good(t).failed('noop.p.1', ['crashed', 'crashed', 'crashed']).broken(), ['two final outcomes noop.p.1']);
});

test('a job that nobody submitted, or that ended as its kind cannot, is unexpected', (t) => {
  assert.deepEqual(good(t).ran('noop.p.9').recorded('noop.p.9').broken(), ['unexpected noop.p.9']);
  assert.deepEqual(good(t).submitted('noop.p.4').failed('noop.p.4', ['failed']).broken(), ['unexpected noop.p.4']);
  assert.deepEqual(good(t).submitted('noop.p.4').failed('noop.p.4', ['crashed', 'crashed', 'crashed']).broken(), []);
  assert.deepEqual(good(t).submitted('doomed.p.4').ran('doomed.p.4').recorded('doomed.p.4').broken(), ['unexpected doomed.p.4']);
});

test('a job that is recorded as completed and whose handler never ran to its end is unexpected', (t) => {
  assert.deepEqual(good(t).submitted('noop.p.4').recorded('noop.p.4').broken(), ['unexpected noop.p.4']);
});

test('a job that is still somewhere when all should be over is not over', (t) => {
  const left = good(t).submitted('noop.p.4').put('spool/running/host-3/p5-20261122T120000.000Z-noop.p.4.json', '{"params":["noop.p.4"]}');
  assert.deepEqual(left.broken(), ['not over noop.p.4', 'unexpected']);
});

test('a job that runs in two processes at once, or again after its end, breaks a promise', (t) => {
  const twice = good(t)
    .submitted('noop.p.4')
    .ran('noop.p.4', { tookMs: 100 })
    .ran('noop.p.4', { at: 50, pid: 8 })
    .recorded('noop.p.4', { at: 120 });
  assert.deepEqual(twice.broken({ crashes: 1 }), ['run twice at once noop.p.4']);
  const after = good(t).submitted('noop.p.4').ran('noop.p.4').recorded('noop.p.4').ran('noop.p.4', { at: 50, pid: 8 });
  assert.deepEqual(after.broken({ crashes: 1 }), ['run after its end noop.p.4']);
});

test('more duplicates than crashes break a promise, and no more do not', (t) => {
  const left = good(t).submitted('noop.p.4').ran('noop.p.4').ran('noop.p.4', { at: 10, pid: 8 }).recorded('noop.p.4', { at: 20 });
  assert.deepEqual(left.broken({ crashes: 1 }), []);
  assert.deepEqual(left.broken({ crashes: 0 }), ['duplicates']);
});

test('what is left in the spool is unexpected, unless it is the draft of a process that was killed', (t) => {
  const left = good(t).put('spool/tmp/draft.4711.mabc.1', '').put('spool/cancel/noop.p.1', '').put('spool/paused', '');
  assert.deepEqual(left.broken(), ['unexpected', 'unexpected', 'unexpected']);
  assert.deepEqual(left.broken({ killed: new Set([4711]) }), ['unexpected', 'unexpected']);
});

test('two requests of one id may both run; how many did so at the same time is counted', (t) => {
  const left = good(t)
    .submitted('twin.p.4')
    .submittedAs('twin.p.4', 'twin.p.5')
    .ran('twin.p.4', { tookMs: 30 })
    .recorded('twin.p.4', { at: 30 });
  left.ran('twin.p.5', { at: 20, pid: 8 }).recorded('twin.p.5', { at: 40, id: 'twin.p.4' });
  const { problems, twins } = judge(readBooks(left.dir), { crashes: 0, killed: new Set() });
  assert.deepEqual({ problems, twins }, { problems: [], twins: { bothRan: 1, atOnce: 1 } });
});

test('a torn line at the end of a ledger is a crash, one in the middle is unexpected', (t) => {
  assert.deepEqual(good(t).put('spool/completed/2026-11-22/host-9.ndjson', '{"id":"noop.p.1","par').broken(), []);
  assert.deepEqual(good(t).put('spool/completed/2026-11-22/host-9.ndjson', '{"id":"noop.p.1","par\n').broken(), ['unexpected']);
});
