/** Everything that can stand in a folder where a file is expected, and the proof that what lies outside was left alone. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';
import { tempFolder } from './spool.ts';
import { waitFor } from './wait-for.ts';

/** A file, a folder, a FIFO and a socket that do not belong to the spool, and what to do with them. */
export type Outside = {
  folder: string;
  file: string;
  fifo: string;
  socket: string;
  /** Throws when anybody has read, written, renamed or removed one of them. */
  assertUntouched(): void;
  /** The same, and that nobody has opened the FIFO. To be called once, at the end. */
  assertNobodyCame(): Promise<void>;
};

const SECRET = '{"class":"Trouble","method":"noop","params":["from outside"]}';
/** Reading a file that is older than its inode's change moves its time of access forward, also where that is done sparingly (relatime). */
const LONG_AGO = Date.UTC(2001, 0, 1) / 1_000;

/** Things outside of a spool, on the disk that temporary folders are on. A writer waits at the FIFO: whoever opens that to read lets it go on. */
export async function outsideOf(t: TestContext): Promise<Outside> {
  const folder = tempFolder(t, 'outside-');
  const [file, fifo, socket] = ['file.json', 'fifo', 'socket'].map((name) => path.join(folder, name)) as [string, string, string];
  sayIfReadingLeavesNoTrace(t, path.join(folder, 'control'));
  fs.writeFileSync(file, SECRET);
  fs.utimesSync(file, LONG_AGO, LONG_AGO);
  execFileSync('mkfifo', [fifo]);
  await makeSocket(t, socket);
  const writer = await writerAt(t, fifo);
  const before = lookOf(folder);
  const assertUntouched = () => {
    assert.deepEqual(lookOf(folder), before, 'somebody was outside of the spool');
  };
  return {
    folder,
    file,
    fifo,
    socket,
    assertUntouched,
    async assertNobodyCame() {
      assertUntouched();
      assert.equal(fs.readFileSync(file, 'utf8'), SECRET);
      await writer.assertWaits();
    },
  };
}

/** A process that waits until somebody opens this FIFO to read. */
export async function writerAt(t: TestContext, fifo: string): Promise<{ assertWaits(at?: string): Promise<void> }> {
  const writer = spawn('sh', ['-c', 'echo x > "$0"', fifo], { stdio: 'ignore' });
  afterwards(t, () => writer.kill('SIGKILL'));
  const waits = () => /fifo|partner/.test(fs.readFileSync(`/proc/${writer.pid}/wchan`, 'utf8'));
  // Where the kernel does not tell, a second is enough.
  if (fs.existsSync('/proc/self/wchan')) await waitFor(waits, 'a writer at the FIFO', { timeoutMs: 1_000 }).catch(() => undefined);
  return {
    // Now it gets its reader. Had it had one before, it would have written then, and not now.
    async assertWaits(at = fifo) {
      const fd = fs.openSync(at, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      await once(writer, 'exit');
      const bytes = Buffer.alloc(10);
      const count = fs.readSync(fd, bytes);
      fs.closeSync(fd);
      assert.equal(bytes.toString('utf8', 0, count), 'x\n', `somebody opened the FIFO ${fifo}`);
    },
  };
}

function sayIfReadingLeavesNoTrace(t: TestContext, control: string): void {
  fs.writeFileSync(control, 'x');
  fs.utimesSync(control, LONG_AGO, LONG_AGO);
  fs.readFileSync(control);
  if (fs.statSync(control).atimeMs === LONG_AGO * 1_000)
    t.diagnostic('this disk keeps no times of access: that nothing outside was read is not proven');
  fs.rmSync(control);
}

/** What can be made at a path; `holds`: it is a regular file, and this is what is in it. */
export type Kind = { what: string; make(at: string, outside: Outside): void; holds?: string };

const isRoot = process.getuid?.() === 0;

/** Every kind of thing that is no regular file. Devices only for root. */
export const STRANGERS: readonly Kind[] = [
  { what: 'an empty folder', make: (at) => fs.mkdirSync(at) },
  {
    what: 'a full folder',
    make: (at) => {
      // Not in its place: the service takes it away while it is still being filled.
      const aside = fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-full-'));
      fs.mkdirSync(path.join(aside, 'deep', 'er'), { recursive: true });
      fs.writeFileSync(path.join(aside, 'p5-now-inside.json'), SECRET);
      fs.renameSync(aside, at);
    },
  },
  { what: 'a folder of mode 0000', make: (at) => fs.mkdirSync(at, { mode: 0 }) },
  { what: 'a FIFO', make: (at) => void execFileSync('mkfifo', [at]) },
  { what: 'a socket', make: (at, { socket }) => fs.linkSync(socket, at) },
  { what: 'a link to a file outside', make: (at, { file }) => fs.symlinkSync(file, at) },
  { what: 'a relative link to a file outside', make: (at, { file }) => fs.symlinkSync(path.relative(path.dirname(at), file), at) },
  { what: 'a link to a folder outside', make: (at, { folder }) => fs.symlinkSync(folder, at) },
  { what: 'a link to a FIFO', make: (at, { fifo }) => fs.symlinkSync(fifo, at) },
  { what: 'a link to /etc/passwd', make: (at) => fs.symlinkSync('/etc/passwd', at) },
  { what: 'a link to /dev/zero', make: (at) => fs.symlinkSync('/dev/zero', at) },
  { what: 'a link to its own folder', make: (at) => fs.symlinkSync('.', at) },
  { what: 'a link to itself', make: (at) => fs.symlinkSync(path.basename(at), at) },
  { what: 'a dangling link', make: (at) => fs.symlinkSync('/nowhere/at/all', at) },
  ...(isRoot
    ? [
        { what: 'a character device', make: (at: string) => void execFileSync('mknod', [at, 'c', '1', '5']) },
        { what: 'a block device', make: (at: string) => void execFileSync('mknod', [at, 'b', '7', '250']) },
      ]
    : []),
];

/** Names of files, the worst that there are; those that end in `.json` are requests. */
export const NAMES: readonly string[] = [
  ...['a.json', 'p5-now-a.json', 'p10-now-b.json', 'p1-20270101T000000Z-c.json', 'p5-1795000000-d.json', 'p5-1795000000000-e.json'],
  ...[
    'p0-now-a.json',
    'p11-now-a.json',
    'p99999999999999999999-now-a.json',
    'p5--a.json',
    'p5-now.json',
    'p5-now-.json',
    'p5-.json',
    'p-now-a.json',
  ],
  ...[
    'p5-tomorrow-a.json',
    'p5-20260230T000000Z-a.json',
    'p5-99991231T235959.999Z-z.json',
    'p5-00000101T000000Z-y.json',
    'p5-9999999999999-x.json',
  ],
  ...[
    'p5-now-../../etc.json',
    'p5-now-..json',
    'p5-now-...json',
    '..json',
    '...json',
    '.json',
    '.hidden.json',
    'a.JSON',
    'a.json.part',
    'json',
    'a',
  ],
  ...[
    '-rf.json',
    '--help.json',
    '-.json',
    ' .json',
    'a b.json',
    ' a.json',
    "a'b.json",
    'a"b.json',
    'a`id`b.json',
    '$(id).json',
    'a;b.json',
    'a\\b.json',
    '*.json',
    '%s%n.json',
  ],
  ...[
    'CON.json',
    'NUL.json',
    'COM1.json',
    'aux.json',
    'constructor.json',
    '__proto__.json',
    'toString.json',
    'undefined.json',
    'null.json',
    'NaN.json',
  ],
  ...[
    'p5-now-constructor.json',
    'p5-now-__proto__.json',
    'p5-now-a.reason.json',
    'x.json.reason.json',
    'p5-now-x.json.reason.json',
    '.reason.json',
    'x.reason.json',
  ],
  ...[
    'new\nline.json',
    'p5-now-new\nline.json',
    'p5-new\nline-a.json',
    'p9\n-now-a.json',
    'tab\t.json',
    'cr\r.json',
    'bell\u0007.json',
    'esc\u001b[31m.json',
    'p5-\u001b]0;t\u0007-a.json',
    'c1\u009b31m.json',
  ],
  ...[
    'bidi\u202egnp.json',
    'p5-\u202enow-a.json',
    'zero\u200bwidth.json',
    'line\u2028sep.json',
    'é.json',
    'e\u0301.json',
    '漢字.json',
    '💾.json',
    '\ufeffbom.json',
    'a\ufffd.json',
  ],
  `${'x'.repeat(100)}.json`,
  `${'x'.repeat(101)}.json`,
  `p5-now-${'y'.repeat(100)}.json`,
  `p5-now-${'y'.repeat(101)}.json`,
  `${'z'.repeat(250)}.json`,
  `${'é'.repeat(125)}.json`,
  `p5-${'9'.repeat(246)}.json`,
  `${'💾'.repeat(62)}ab.json`,
].filter((name) => !name.includes('/'));

/** Names that are no UTF-8, as bytes. */
export const LATIN_NAMES: readonly Buffer[] = ['café.json', 'p5-now-é.json', 'p5-\xff-a.json', '\xc3.json', '\xf0\x9f.json'].map((name) =>
  Buffer.from(name, 'latin1'),
);

const MIB = 1_048_576;
const good = (more: object = {}): string => JSON.stringify({ class: 'Trouble', method: 'noop', ...more });
const sized = (bytes: number): string => good({ params: ['x'.repeat(bytes - good({ params: [''] }).length)] });
const at = '2026-11-22T00:00:00.000Z';
const attempt = { number: 1, outcome: 'failed', startedAt: at, finishedAt: at, runner: 'r', error: { name: 'E', message: 'm' } };

/** Bodies by what is wrong with them. `ok`: they are requests all the same. */
export const BODIES: Readonly<Record<string, { body: string | Buffer; ok?: true }>> = {
  good: { body: good(), ok: true },
  nothing: { body: '' },
  blanks: { body: ' \n\t\r\n' },
  'a NUL': { body: '\0' },
  zeros: { body: Buffer.alloc(100_000) },
  'a NUL in it': { body: good().replace('noop', 'no\0op') },
  'a NUL after it': { body: `${good()}\0` },
  'a byte order mark': { body: `\ufeff${good()}`, ok: true },
  'UTF-16': { body: Buffer.from(`\ufeff${good()}`, 'utf16le') },
  'Latin-1': { body: Buffer.from('{"class":"é"}', 'latin1') },
  'a surrogate in raw bytes': {
    body: Buffer.concat([Buffer.from('{"class":"Trouble","params":["'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"]}')]),
  },
  'an overlong slash': { body: Buffer.concat([Buffer.from('{"class":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]) },
  'half a character at its end': { body: Buffer.concat([Buffer.from('{"class":"a'), Buffer.of(0xf0, 0x9f)]) },
  'an escaped surrogate': { body: '{"class":"Trouble","method":"noop","params":["\\ud800"]}', ok: true },
  'half a body': { body: '{"class":"Trouble","meth' },
  'two values': { body: `${good()}${good()}` },
  'two lines of NDJSON': { body: `${good()}\n${good()}\n` },
  'a comment': { body: `// hello\n${good()}` },
  'a trailing comma': { body: '{"class":"Trouble",}' },
  'single quotes': { body: "{'class':'Trouble'}" },
  NaN: { body: '{"class":"Trouble","params":[NaN]}' },
  Infinity: { body: '{"class":"Trouble","params":[Infinity]}' },
  'an array': { body: '[]' },
  text: { body: '"Trouble"' },
  'a number': { body: '1' },
  null: { body: 'null' },
  true: { body: 'true' },
  'an empty object': { body: '{}' },
  'no class': { body: '{"method":"noop"}' },
  'exactly 1 MiB': { body: sized(MIB), ok: true },
  'exactly 1 MiB and a line end': { body: `${sized(MIB)}\n`, ok: true },
  '1 MiB and 1': { body: sized(MIB + 1) },
  '16 MiB of one text': { body: good({ params: ['x'.repeat(15 * MIB)] }) },
  '16 MiB and 1': { body: Buffer.alloc(16 * MIB + 1, 0x20) },
  '15 MiB of one text, and a history': { body: good({ params: ['x'.repeat(15 * MIB)], attempts: [attempt] }) },
  'a million mistakes in its history': { body: `{"class":"Trouble","attempts":[${'0,'.repeat(MIB)}0]}` },
  'a million keys in its history': {
    body: `{"class":"Trouble","attempts":[{${Array.from({ length: 300_000 }, (_, n) => `"k${n}":0`).join(',')}}]}`,
  },
  '80,000 unknown fields': { body: `{"class":"Trouble",${Array.from({ length: 80_000 }, (_, n) => `"k${n}":0`).join(',')}}` },
  'half a million colons': { body: 'a:'.repeat(MIB / 2) },
  '1 MiB of quotes': { body: '"'.repeat(MIB) },
  '1 MiB of backslashes': { body: `{"class":"${'\\'.repeat(MIB - 20)}"}` },
  'depth 100,000': { body: `{"class":"Trouble","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
  'depth 100,000 of objects': { body: `{"class":"Trouble","params":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}` },
  'depth 100,000, open': { body: '['.repeat(100_000) },
  'depth 8,000,000 and a history': { body: `{"class":"Trouble","attempts":${'['.repeat(4 * MIB)}${']'.repeat(4 * MIB)}}` },
  'depth 199': { body: `{"class":"Trouble","method":"noop","params":${'['.repeat(199)}${']'.repeat(199)}}`, ok: true },
  'depth 201': { body: `{"class":"Trouble","method":"noop","params":${'['.repeat(200)}${']'.repeat(200)}}` },
  'duplicate keys': { body: '{"class":"Nobody","class":"Trouble","method":"noop"}', ok: true },
  '__proto__ on top': { body: '{"class":"Trouble","__proto__":{"method":"noop","isAdmin":true}}' },
  'constructor on top': { body: '{"class":"Trouble","constructor":{"prototype":{"isAdmin":true}}}' },
  '__proto__ in params': {
    body: '{"class":"Trouble","method":"noop","params":{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}}',
    ok: true,
  },
  '__proto__ in an attempt': {
    body: JSON.stringify({ class: 'Trouble', attempts: [attempt] }).replace('"number":1', '"number":1,"__proto__":{"isAdmin":true}'),
  },
  '1e999': { body: '{"class":"Trouble","params":[[{"a":1e999}]]}' },
  '-1e999': { body: '{"class":"Trouble","params":{"a":-1e999}}' },
  'large numbers': { body: '{"class":"Trouble","method":"noop","params":[9007199254740993,1e308,-0,1e-400]}', ok: true },
  'a number of 100,000 digits': { body: `{"class":"Trouble","params":[${'9'.repeat(100_000)}]}` },
  'numbers as text': { body: '{"class":"Trouble","retries":"3"}' },
  'unknown fields': { body: '{"class":"Trouble","priority":8,"a\\nb\\u001b[31m":1}' },
  'all types wrong': {
    body: '{"class":1,"method":[],"params":"x","retries":{},"retryDelay":[],"backoff":0,"timeout":true,"attempts":{},"acceptedAt":1,"runAt":[],"spent":"x","crashes":null,"snoozes":-1}',
  },
  'negative retries': { body: good({ retries: -1 }) },
  'half a retry': { body: good({ retries: 0.5 }) },
  'a million retries': { body: good({ retries: 1_000_000 }) },
  '1e999 retries': { body: '{"class":"Trouble","retries":1e999}' },
  'a negative timeout': { body: good({ timeout: -1 }) },
  'no timeout': { body: good({ timeout: 0 }) },
  'a tiny timeout': { body: good({ timeout: 1e-9 }) },
  'a timeout of 1e300': { body: good({ timeout: 1e300 }), ok: true },
  'a delay of 1e999 in text': { body: good({ retryDelay: `1${'0'.repeat(400)}d` }) },
  'a delay of a megabyte of blanks': { body: good({ retryDelay: `1${' '.repeat(MIB - 100)}x` }) },
  'ten thousand attempts': {
    body: good({ attempts: Array.from({ length: 10_000 }, (_, n) => ({ ...attempt, number: n + 1 })) }),
    ok: true,
  },
  'a forged history': { body: good({ attempts: [attempt], acceptedAt: at, runAt: at, spent: 1e9, crashes: 1e9, snoozes: 1e9 }), ok: true },
  'an attempt of another kind': { body: good({ attempts: [{ ...attempt, outcome: 'won' }] }) },
  'attempts that are none': { body: good({ attempts: [null, 1, 'x', []] }) },
  'a number of attempts': { body: good({ attempts: 3 }) },
  'a negative budget': { body: good({ spent: -1, crashes: -1e9 }) },
  'a budget beyond counting': { body: good({ crashes: 2 ** 53 }) },
  'the year 275760': { body: good({ acceptedAt: '+275760-09-13T00:00:00.000Z', runAt: '+275760-09-13T00:00:00.000Z' }) },
  'the 30th of February': { body: good({ runAt: '2026-02-30T00:00:00.000Z' }) },
  'a time as a number': { body: good({ acceptedAt: 1_700_000_000 }) },
  'the class constructor': { body: '{"class":"constructor"}', ok: true },
  'the class __proto__': { body: '{"class":"__proto__","method":"toString"}', ok: true },
  'the method constructor': { body: '{"class":"Trouble","method":"constructor"}', ok: true },
  'no name of a class': { body: '{"class":"","method":""}' },
  'a class of a megabyte': { body: JSON.stringify({ class: 'x\n'.repeat(MIB / 4) }) },
  'a class of two lines': {
    body: JSON.stringify({ class: 'A\n{"level":"info","event":"completed"}', method: '\u001b[2J\u009b2J\u202e' }),
    ok: true,
  },
};

/** What a job's reason may not be: more than a line, long, or anything that a terminal obeys. */
export function assertSentence(reason: string, what: string): void {
  assert.ok(reason.length > 5 && reason.length < 3_000, `${what}: a reason of ${reason.length} characters`);
  assert.doesNotMatch(reason, /[\p{C}\p{Zl}\p{Zp}]/u, `${what}: the reason is no single plain line`);
}

async function makeSocket(t: TestContext, file: string): Promise<void> {
  // The name of a socket must be short, and goes with its server: a second name of it stays.
  const server = net.createServer().listen(`${file}.0`);
  await once(server, 'listening');
  fs.linkSync(`${file}.0`, file);
  server.close();
  await once(server, 'close');
  afterwards(t, () => fs.rmSync(file, { force: true }));
}

function lookOf(folder: string): object[] {
  return fs
    .readdirSync(folder)
    .toSorted()
    .map((name) => {
      const { mode, size, mtimeMs, atimeMs, ino } = fs.lstatSync(path.join(folder, name));
      return { name, mode, size, mtimeMs, ino, ...(name.endsWith('.json') ? { atimeMs } : {}) };
    });
}
