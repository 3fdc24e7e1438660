import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { DailyFile, KEPT_FILES } from '../../jobs/daily-file.ts';
import { dayOf } from '../../spool/layout.ts';
import { tempSpool } from '../support/spool.ts';

const DAY = 86_400_000;

/** A log in a fresh spool, and a clock that the test turns. It begins at the real time, because files have real times. */
function setUp(t: TestContext) {
  const spool = tempSpool(t);
  const file = path.join(spool.logs, 'x.log');
  const clock = { now: Date.now() };
  const open = () => new DailyFile(spool, file, () => clock.now);
  const names = () =>
    fs
      .readdirSync(spool.logs)
      .filter((name) => name.startsWith('x.'))
      .toSorted();
  const text = (name: string) => fs.readFileSync(path.join(spool.logs, name), 'utf8');
  const dated = (ms: number) => `x.${dayOf(ms)}.log`;
  return { spool, file, clock, open, names, text, dated };
}

test("the first line of a new day goes to a new file, and yesterday's has its day in its name", (t) => {
  const { clock, open, names, text, dated } = setUp(t);
  const log = open();
  const yesterday = clock.now;
  log.write('old\n');
  clock.now += DAY;
  log.write('new\n');
  log.close();
  assert.deepEqual(names(), [dated(yesterday), 'x.log']);
  assert.equal(text(dated(yesterday)), 'old\n');
  assert.equal(text('x.log'), 'new\n');
});

test('a file of yesterday is rotated also by a process that did not write it', (t) => {
  const { file, clock, open, names, dated } = setUp(t);
  fs.writeFileSync(file, 'old\n');
  fs.utimesSync(file, (clock.now - DAY) / 1_000, (clock.now - DAY) / 1_000);
  const log = open();
  log.write('new\n');
  log.close();
  assert.deepEqual(names(), [dated(clock.now - DAY), 'x.log']);
});

test(`the last ${KEPT_FILES} days are kept beside the current one`, (t) => {
  const { clock, open, names, text, dated } = setUp(t);
  const log = open();
  const days = 20;
  for (let day = 0; day < days; day++) {
    log.write(`${day}\n`);
    clock.now += DAY;
  }
  log.close();
  assert.equal(names().length, KEPT_FILES + 1);
  assert.equal(text('x.log'), `${days - 1}\n`);
  assert.equal(text(dated(clock.now - 2 * DAY)), `${days - 2}\n`);
});

test('a file that is there already keeps its name and its lines', (t) => {
  const { spool, clock, open, names, text, dated } = setUp(t);
  const taken = dated(clock.now);
  fs.writeFileSync(path.join(spool.logs, taken), 'precious\n');
  const log = open();
  log.write('old\n');
  clock.now += DAY;
  log.write('new\n');
  log.close();
  assert.equal(text(taken), 'precious\n');
  assert.equal(text(taken.replace('.log', '.2.log')), 'old\n');
  assert.equal(names().length, 3);
});

test('a log that somebody removes or renames is begun again', (t) => {
  const { spool, file, clock, open, text } = setUp(t);
  const log = open();
  log.write('one\n');
  fs.renameSync(file, path.join(spool.logs, 'kept'));
  clock.now += 1_000;
  log.write('two\n');
  fs.rmSync(file);
  clock.now += 1_000;
  log.write('three\n');
  log.close();
  assert.equal(text('kept'), 'one\n');
  assert.equal(text('x.log'), 'three\n');
});

test('a rotation that a crash cut in half is brought to its end, and no line is lost', (t) => {
  const { spool, file, clock, open, text, dated } = setUp(t);
  const log = open();
  const yesterday = clock.now - DAY;
  clock.now -= DAY;
  log.write('old\n');
  clock.now += DAY;
  fs.linkSync(file, path.join(spool.logs, dated(yesterday)));
  log.write('meanwhile\n');
  clock.now += 11_000;
  log.write('new\n');
  log.close();
  assert.equal(text(dated(yesterday)), 'old\nmeanwhile\n');
  assert.equal(text('x.log'), 'new\n');
});

test('a rotation cut in half is brought to its end also by a process that starts afterwards', (t) => {
  const { spool, file, clock, open, text, dated } = setUp(t);
  const yesterday = clock.now - DAY;
  fs.writeFileSync(file, 'old\n');
  fs.utimesSync(file, yesterday / 1_000, yesterday / 1_000);
  fs.linkSync(file, path.join(spool.logs, dated(yesterday)));
  const log = open();
  log.write('meanwhile\n');
  clock.now += 11_000;
  log.write('new\n');
  log.close();
  assert.equal(text(dated(yesterday)), 'old\nmeanwhile\n');
  assert.equal(text('x.log'), 'new\n');
});

test('processes that see midnight in the same moment lose no line and file none under a wrong day', async (t) => {
  const { spool } = setUp(t);
  const [rounds, lines, writers] = [30, 20, ['a', 'b', 'c']];
  const yesterday = (Date.now() - DAY) / 1_000;
  for (let round = 0; round < rounds; round++) {
    const file = path.join(spool.logs, `round${round}.log`);
    fs.writeFileSync(file, 'old 0\n');
    fs.utimesSync(file, yesterday, yesterday);
  }
  const program = path.join(import.meta.dirname, '../support/daily-writer.ts');
  const start = String(Date.now() + 1_000);
  const children = writers.map((who) =>
    spawn(process.execPath, [program, spool.root, who, String(rounds), start, String(lines)], { stdio: 'inherit' }),
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
  assert.deepEqual(codes, [0, 0, 0]);
  const written = writers.flatMap((who) => Array.from({ length: lines }, (_, line) => `${who} ${line}`));
  for (let round = 0; round < rounds; round++) {
    const files = fs.readdirSync(spool.logs).filter((name) => name.startsWith(`round${round}.`));
    assert.equal(files.length, 2, files.join());
    const found = files.flatMap((name) => fs.readFileSync(path.join(spool.logs, name), 'utf8').trim().split('\n'));
    assert.deepEqual(found.toSorted(), ['old 0', ...written].toSorted());
  }
});
