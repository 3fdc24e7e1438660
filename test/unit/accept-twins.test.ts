/** Requests of one id in one moment: an id may be refused or may pass twice, but no file ever takes the place of another. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Intake } from '../../spool/accept.ts';
import { reconcile } from '../../spool/reconcile.ts';
import type { Spool } from '../../spool/spool.ts';
import { putLine } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.UTC(2026, 10, 22);
const RULES = { refusal: () => undefined, isLive: () => false };
const BODY = { class: 'Example', method: 'handle', params: [] };

test('two dispatchers that accept the same id in the same millisecond make two jobs of it, never one', (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'p5-now-x.json', { ...BODY, params: ['one'] });
  dropFile(spool, 'x.json', { ...BODY, params: ['two'] });
  const [one, two] = [new Intake(spool, RULES), new Intake(spool, RULES)];
  assert.equal(one.accept('p5-now-x.json', NOW, 0).kind, 'accepted');
  assert.equal(two.accept('x.json', NOW, 0).kind, 'accepted');
  const bodies = fs.readdirSync(spool.pending).map((name) => JSON.parse(fs.readFileSync(path.join(spool.pending, name), 'utf8')).params[0]);
  assert.deepEqual(bodies.toSorted(), ['one', 'two']);
});

test('a job that failed while incoming/ was still being emptied keeps its record when the next of its id is accepted', (t) => {
  const spool = tempSpool(t);
  const intake = new Intake(spool, RULES);
  dropFile(spool, 'p5-now-x.json', BODY);
  const first = intake.accept('p5-now-x.json', NOW, 0);
  assert.equal(first.kind, 'accepted');
  const name = first.kind === 'accepted' ? first.job.name : '';
  fs.renameSync(path.join(spool.pending, name), path.join(spool.failed, name));
  dropFile(spool, 'x.json', BODY);
  const second = intake.accept('x.json', NOW, 0);
  assert.notEqual(second.kind === 'accepted' ? second.job.name : name, name, 'it would replace the record should it fail too');
});

test('a request that still waits is not taken for what a power cut brought back because another of its id, written in the same tick, is done', (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'x.json', { ...BODY, params: ['two'] });
  const file = path.join(spool.incoming, 'x.json');
  const acceptedAt = new Date(fs.statSync(file).mtimeMs).toISOString();
  putLine(spool, 'x', Date.now() + 5_000, { acceptedAt, params: ['one'] });
  assert.deepEqual(reconcile(spool), []);
  assert.ok(fs.existsSync(file));
});

test('a file that two dispatchers reject in one moment keeps its reason, wherever the one stands when the other is done', (t) => {
  let step = 0;
  for (let isReached = true; isReached; step++) {
    const spool = tempSpool(t);
    dropFile(spool, 'p5-now-x.json', { ...BODY, priority: 5 });
    const other = new Intake(spool, RULES);
    let calls = 0;
    const slower = beforeEachCall(spool, () => {
      if (calls++ === step) assert.equal(other.accept('p5-now-x.json', NOW, 0).kind, 'rejected');
    });
    new Intake(slower, RULES).accept('p5-now-x.json', NOW, 0);
    assert.deepEqual(fs.readdirSync(spool.rejected).toSorted(), ['p5-now-x.json', 'p5-now-x.json.reason.json'], `before call ${step}`);
    isReached = calls > step;
  }
  assert.ok(step > 5, `${step} steps`);
});

function beforeEachCall(spool: Spool, act: () => void): Spool {
  const after = (call: (...given: unknown[]) => unknown) =>
    function (this: unknown, ...given: unknown[]) {
      act();
      return call.apply(this, given);
    };
  return { ...spool, disk: new Proxy(spool.disk, { get: (disk, name) => after(Reflect.get(disk, name)) }) };
}
