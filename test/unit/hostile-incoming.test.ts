/** The real intake on a real spool, met with every kind of file, name and body: each file ends in exactly one place, and the first look at any of them harms nobody. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { EventLog } from '../../jobs/event-log.ts';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { Acceptor } from '../../service/acceptor.ts';
import { Backlog } from '../../service/backlog.ts';
import { type AcceptRules, Intake, SETTLE_MS } from '../../spool/accept.ts';
import { disk } from '../../spool/disk.ts';
import { parseJobName, parseRequestName } from '../../spool/filename.ts';
import { reject } from '../../spool/reject.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { assertSentence, BODIES, LATIN_NAMES, NAMES, outsideOf, STRANGERS, writerAt } from '../support/hostile-files.ts';
import { dropFile, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 15);
const AT = '2026-11-22T00:00:00.000Z';
const GOOD = '{"class":"Trouble","method":"noop"}';
const posix = { skip: process.platform === 'win32' };

test(
  'a file of every hostile name, with a good body and with a bad one, ends in one place, and those that are not ours stay',
  posix,
  (t) => {
    const world = setUp(t);
    for (const [index, body] of [GOOD, '{"class":'].entries()) {
      for (const name of NAMES) world.put(name, (at) => fs.writeFileSync(at, body));
      const ends = world.takeAll();
      assert.equal(
        ends.filter((end) => end === 'ignored').length,
        NAMES.filter((name) => parseRequestName(name).kind === 'ignored').length,
      );
      if (index === 1) assert.ok(!ends.includes('accepted'));
      world.clear();
    }
  },
);

test('a name that is no UTF-8 is left alone with its bytes, and those beside it are accepted', posix, (t) => {
  const world = setUp(t);
  for (const name of LATIN_NAMES) fs.writeFileSync(Buffer.concat([Buffer.from(`${world.spool.incoming}/`), name]), GOOD);
  world.put('good.json', (at) => fs.writeFileSync(at, GOOD));
  assert.deepEqual(world.takeAll(), ['accepted']);
  assert.deepEqual(world.intake.names(), [], 'drain would wait for them for ever');
  const left = fs.readdirSync(world.spool.incoming, { encoding: 'buffer' }).map((name) => name.toString('latin1'));
  assert.deepEqual(left.toSorted(), LATIN_NAMES.map((name) => name.toString('latin1')).toSorted());
});

test('a file of every hostile body is accepted or rejected in a plain line, and never in both', posix, (t) => {
  const world = setUp(t);
  for (const [what, { body }] of Object.entries(BODIES)) {
    world.put('p5-now-x.json', (at) => fs.writeFileSync(at, body));
    const [end] = world.takeAll();
    assert.equal(end, BODIES[what]?.ok ? 'accepted' : 'rejected', what);
    world.clear();
  }
});

test('what is no regular file is rejected under every kind of name, not followed, and not opened', posix, async (t) => {
  const world = setUp(t);
  const outside = await outsideOf(t);
  const names = ['p5-now-x.json', 'x.json', 'x.json.reason.json', `${'n'.repeat(250)}.json`, 'p5-\n-x.json', '-rf.json'];
  for (const { what, make } of STRANGERS) {
    for (const name of names) {
      world.put(name, (at) => make(at, outside));
      assert.deepEqual(world.takeAll(), ['rejected'], `${what} as ${JSON.stringify(name)}`);
      world.clear();
    }
    for (const name of ['.hidden.json', 'folder', 'x.JSON']) {
      world.put(name, (at) => make(at, outside));
      assert.deepEqual(world.takeAll(), ['ignored'], `${what} as ${name}`);
      world.clear();
    }
  }
  await outside.assertNobodyCame();
});

test('a FIFO with a writer waiting at it is rejected, and the writer goes on waiting', posix, async (t) => {
  const world = setUp(t);
  const fifo = path.join(world.spool.incoming, 'p5-now-x.json');
  execFileSync('mkfifo', [fifo]);
  const writer = await writerAt(t, fifo);
  world.note(fifo);
  assert.deepEqual(world.takeAll(), ['rejected']);
  await writer.assertWaits(path.join(world.spool.rejected, 'p5-now-x.json'));
});

test('a hard link is a file like any other: what it is linked to is not changed by what becomes of the job', posix, (t) => {
  const world = setUp(t);
  const { spool } = world;
  const [outside, failed, pending] = [
    path.join(tempFolder(t), 'a.json'),
    `${spool.failed}/p5-20260101T000000.000Z-f.json`,
    `${spool.pending}/p5-20260101T000000.000Z-w.json`,
  ];
  for (const file of [outside, failed, pending]) fs.writeFileSync(file, GOOD);
  const { intake } = world;
  for (const [index, file] of [outside, failed, pending].entries()) {
    fs.linkSync(file, `${spool.incoming}/p5-now-link${index}.json`);
    assert.equal(intake.accept(`p5-now-link${index}.json`, NOW, 0).kind, 'accepted');
  }
  fs.linkSync(pending, `${spool.incoming}/p5-20260101T000000.000Z-w.json`);
  const twin = intake.accept('p5-20260101T000000.000Z-w.json', NOW, 0);
  assert.equal(
    twin.kind === 'accepted' && twin.job.name,
    'p5-20260101T000000.001Z-w.json',
    'a rename onto another name of the same file does nothing',
  );
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
  for (const file of [outside, failed, pending]) assert.equal(fs.readFileSync(file, 'utf8'), GOOD);
});

for (const { what, make } of STRANGERS) {
  test(`bad files are rejected though ${what} stands in rejected/ under their names and the names of their reasons`, posix, async (t) => {
    const world = setUp(t);
    const outside = await outsideOf(t);
    const { spool } = world;
    for (const taken of ['x.json', 'y.json.reason.json', 'z.json', 'z.json.reason.json']) make(`${spool.rejected}/${taken}`, outside);
    const before = new Set(fs.readdirSync(spool.rejected));
    for (const name of ['x.json', 'y.json', 'z.json']) {
      world.put(name, (at) => fs.writeFileSync(at, '{"class":'));
      assert.deepEqual(world.takeAll(), ['rejected'], name);
    }
    for (const name of ['x.json', 'z.json'])
      assert.ok(before.has(name) && !fs.lstatSync(`${spool.rejected}/${name}`).isFile(), `${name} was replaced`);
    await outside.assertNobodyCame();
  });
}

test('a rejected file is never replaced by the reason of another', (t) => {
  const world = setUp(t);
  for (const name of ['x.json.reason.json', 'x.json', 'x.json.reason.json', 'x.json']) {
    world.put(name, (at) => fs.writeFileSync(at, `bad ${name}`));
    assert.deepEqual(world.takeAll(), ['rejected']);
  }
  const kept = fs
    .readdirSync(world.spool.rejected)
    .filter((name) => fs.readFileSync(`${world.spool.rejected}/${name}`, 'utf8').startsWith('bad'));
  assert.equal(kept.length, 4);
  assert.ok(
    kept.every((name) => !name.endsWith('.reason.json')),
    'one passes for the reason of another',
  );
});

test('the thousandth bad file of one name costs about as many looks as the first', (t) => {
  let looks = 0;
  const counting = {
    ...disk,
    facts(file: string) {
      looks += 1;
      return disk.facts(file);
    },
  };
  const spool = openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none', disk: counting as typeof disk });
  for (let number = 1; number <= 1_000; number++) fs.writeFileSync(`${spool.rejected}/a${number === 1 ? '' : `.${number}`}.json`, '');
  fs.writeFileSync(`${spool.incoming}/a.json`, '');
  looks = 0;
  assert.equal(reject(spool, `${spool.incoming}/a.json`, 'a.json', { reason: 'why' }), 'a.1001.json');
  assert.ok(looks < 60, `${looks} looks`);
});

test('files that wait for their writers are read once each, not at every look', (t) => {
  let reads = 0;
  const counting = {
    ...disk,
    inspect(file: string, maxBytes: number) {
      reads += 1;
      return disk.inspect(file, maxBytes);
    },
  };
  const spool = openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none', disk: counting as typeof disk });
  const intake = new Intake(spool, RULES);
  for (let number = 0; number < 300; number++) fs.writeFileSync(`${spool.incoming}/half${number}.json`, '{"class":');
  reads = 0;
  for (let look = 0; look < 10; look++) for (const name of intake.names()) assert.equal(intake.accept(name, NOW, look).kind, 'unfinished');
  assert.equal(reads, 300);
  fs.appendFileSync(`${spool.incoming}/half7.json`, '"Trouble"}');
  assert.equal(intake.accept('half7.json', NOW, 11).kind, 'accepted', 'one that its writer has finished is read at the next look');
  for (const name of intake.names()) assert.equal(intake.accept(name, NOW, SETTLE_MS + 10).kind, 'rejected');
});

test('large files, of which one takes as long as a thousand others, have their turn after all others', async (t) => {
  const spool = tempSpool(t);
  const history = { attempts: [{ number: 1, outcome: 'failed', startedAt: AT, finishedAt: AT, runner: 'r'.repeat(2_000_000) }] };
  dropFile(spool, 'p10-now-large.json', { class: 'Trouble', method: 'noop', ...history });
  dropFile(spool, 'p1-now-small.json', GOOD);
  const lines: string[] = [];
  const log = new EventLog(spool, { onLines: (line) => lines.push(line) });
  await new Acceptor(spool, await loadAllowlist(TROUBLE), new Backlog(), log).accept(() => true);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ event, id }) => `${id} ${event}`),
    ['small accepted', 'large accepted'],
  );
});

test('a file that is replaced between two looks by one of the same size and time is another file', (t) => {
  const { spool, intake } = setUp(t);
  const at = `${spool.incoming}/a.json`;
  fs.writeFileSync(at, '{"class":      ');
  fs.utimesSync(at, 1, 1);
  assert.equal(intake.accept('a.json', NOW, 0).kind, 'unfinished');
  fs.writeFileSync(`${spool.tmp}/b`, '{"class":"Abc"}');
  fs.utimesSync(`${spool.tmp}/b`, 1, 1);
  fs.renameSync(`${spool.tmp}/b`, at);
  assert.equal(intake.accept('a.json', NOW, 1).kind, 'accepted');
});

test('a writer that takes its time, in chunks, is waited for; one that stops half-way is not', (t) => {
  const { spool, intake } = setUp(t);
  const text = JSON.stringify({ class: 'Trouble', params: ['x'.repeat(500)] });
  const kindAt = (clock: number) => intake.accept('slow.json', NOW, clock).kind;
  let clock = 0;
  for (let at = 0; at < text.length - 40; at += 40) {
    fs.appendFileSync(`${spool.incoming}/slow.json`, text.slice(at, at + 40));
    clock += SETTLE_MS - 100;
    assert.deepEqual([kindAt(clock), kindAt(clock + SETTLE_MS - 200)], ['unfinished', 'unfinished'], `after ${at} bytes`);
  }
  fs.copyFileSync(`${spool.incoming}/slow.json`, `${spool.incoming}/stops.json`);
  fs.appendFileSync(`${spool.incoming}/slow.json`, text.slice(Math.floor((text.length - 1) / 40) * 40));
  assert.equal(kindAt(clock), 'accepted');
  assert.equal(intake.accept('stops.json', NOW, clock).kind, 'unfinished');
  const stopped = intake.accept('stops.json', NOW, clock + SETTLE_MS);
  assert.match(stopped.kind === 'rejected' ? stopped.reason : stopped.kind, /not JSON/);
});

test('a file that is moved in from another disk in chunks, and has 200 MB in the end, is refused without being read', (t) => {
  let bytes = 0;
  const counting = {
    ...disk,
    inspect(file: string, maxBytes: number) {
      const found = disk.inspect(file, maxBytes);
      if (found.kind === 'text') bytes += found.size;
      return found;
    },
  };
  const spool = openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none', disk: counting as typeof disk });
  const intake = new Intake(spool, RULES);
  const at = `${spool.incoming}/big.json`;
  fs.writeFileSync(at, '{"class":"Trouble","params":["');
  for (let step = 1; step <= 20; step++) {
    fs.truncateSync(at, step * 10_485_760);
    assert.equal(intake.accept('big.json', NOW, step * 100).kind, 'unfinished');
  }
  const refused = intake.accept('big.json', NOW, 2_000 + SETTLE_MS);
  assert.equal(refused.kind === 'rejected' && refused.reason, 'expected a body of at most 1048576 bytes, got 209715200');
  assert.ok(bytes <= 16 * 1_048_576, `${bytes} bytes were read`);
});

test('a body that is swapped between the look and the move is in one place, and is looked at again before it runs', async (t) => {
  const outside = await outsideOf(t);
  for (const { what, make } of [...STRANGERS, { what: 'another class', make: (at: string) => fs.writeFileSync(at, '{"class":"Evil"}') }]) {
    const spool = tempSpool(t);
    const swapping: Spool = {
      ...spool,
      disk: {
        ...disk,
        rename(from: string, to: string) {
          fs.rmSync(from);
          make(from, outside);
          return disk.rename(from, to);
        },
      } as typeof disk,
    };
    dropFile(spool, 'p5-now-a.json', GOOD);
    assert.equal(new Intake(swapping, RULES).accept('p5-now-a.json', NOW, 0).kind, 'accepted', what);
    assert.equal(fs.readdirSync(spool.incoming).length + fs.readdirSync(spool.pending).length, 1, what);
  }
  await outside.assertNobodyCame();
});

test('files that this user may not read, and folders that it may not move, keep nobody else from being accepted', (t) => {
  if (process.getuid?.() !== 0) return t.skip('SKIPPED: only root can make files of another user');
  const spool = tempSpool(t);
  const nobody = 65_534;
  for (const folder of [path.dirname(spool.root), spool.root, spool.incoming, spool.pending, spool.rejected, spool.tmp])
    fs.chownSync(folder, nobody, nobody);
  for (const mode of [0o000, 0o200]) fs.writeFileSync(`${spool.incoming}/mode${mode}.json`, GOOD, { mode });
  for (const mode of [0o000, 0o755]) fs.mkdirSync(`${spool.incoming}/a-folder${mode}.json`, { mode });
  dropFile(spool, 'good.json', GOOD);
  fs.chmodSync(`${spool.incoming}/good.json`, 0o644);
  const intake = new Intake(spool, RULES);
  const look = (clock: number) =>
    intake.names(clock).map((name) => {
      try {
        return `${name} ${intake.accept(name, NOW, clock).kind}`;
      } catch (error) {
        return `${name} ${(error as NodeJS.ErrnoException).code}`;
      }
    });
  asUser(t, nobody);
  assert.deepEqual(look(0), [
    'a-folder0.json EACCES',
    'a-folder493.json EACCES',
    'good.json accepted',
    'mode0.json unfinished',
    'mode128.json unfinished',
  ]);
  assert.deepEqual(look(SETTLE_MS), ['mode0.json rejected', 'mode128.json rejected'], 'the folders are not met again at every look');
  assert.deepEqual(look(SETTLE_MS + 1), []);
  assert.equal(look(60_000).length, 2, 'but now and then');
  process.seteuid?.(0);
  assert.deepEqual(
    fs.readdirSync(spool.rejected).filter((name) => name.startsWith('a-folder')),
    [],
    'and leave no reasons behind',
  );
});

const RULES: AcceptRules = { refusal: () => undefined, isLive: () => false };

function setUp(t: TestContext) {
  const spool = tempSpool(t);
  const live = new Set<string>();
  const intake = new Intake(spool, { ...RULES, isLive: (id) => live.has(id) });
  const planted = new Map<number, string>();
  const note = (at: string) => planted.set(fs.lstatSync(at).ino, path.basename(at));
  const accept = (name: string, clock: number): void => {
    const accepted = intake.accept(name, NOW, clock);
    if (accepted.kind === 'accepted') live.add(accepted.job.id);
    if (accepted.kind === 'rejected') assertSentence(accepted.reason, name);
  };
  return {
    spool,
    intake,
    note,
    /** Makes something in `incoming/`. */
    put(name: string, make: (at: string) => void): void {
      make(`${spool.incoming}/${name}`);
      note(`${spool.incoming}/${name}`);
    },
    /** Looks at all of them until the settle time is over, and says where each ended, in the order in which they were put. */
    takeAll(): string[] {
      for (const clock of [0, SETTLE_MS]) for (const name of intake.names()) accept(name, clock);
      const ends = [...planted].map(([inode, name]) => endOf(spool, inode, name));
      planted.clear();
      return ends;
    },
    clear(): void {
      live.clear();
      for (const folder of [spool.incoming, spool.pending, spool.rejected])
        for (const name of fs.readdirSync(folder)) fs.rmSync(`${folder}/${name}`, { recursive: true });
    },
  };
}

/** Where the file that was put under a name is now: in exactly one place, as it was put, a rejected one beside its reason. */
function endOf(spool: Spool, inode: number, name: string): 'accepted' | 'rejected' | 'ignored' {
  const places = (['incoming', 'pending', 'rejected', 'tmp'] as const).flatMap((folder) =>
    // A name that is no UTF-8 cannot be asked for.
    fs.readdirSync(spool[folder]).map((there) => ({ folder, there, ino: spool.disk.facts(`${spool[folder]}/${there}`)?.ino })),
  );
  const found = places.filter(({ ino }) => ino === inode);
  const [place] = found;
  assert.ok(place && found.length === 1, `${JSON.stringify(name)} is in ${found.length} places`);
  if (place.folder === 'pending') {
    assert.ok(parseJobName(place.there), `${place.there} is no canonical name`);
    return 'accepted';
  }
  if (place.folder === 'rejected') {
    const reason = spool.reason(place.there);
    assert.ok(fs.lstatSync(reason).isFile());
    assertSentence(JSON.parse(fs.readFileSync(reason, 'utf8')).reason, place.there);
    return 'rejected';
  }
  assert.equal(place.folder, 'incoming');
  assert.equal(parseRequestName(name).kind, 'ignored', `${JSON.stringify(name)} was left in incoming/`);
  return 'ignored';
}

/** From here to the end of the test this process is another user's. */
function asUser(t: TestContext, uid: number): void {
  process.seteuid?.(uid);
  afterwards(t, () => process.seteuid?.(0));
}
