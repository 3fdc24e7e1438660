import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { JobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { rangeOf } from '../../ui/download.ts';
import type { Frame } from '../../ui/frame.ts';
import { attemptStart, logChunk, logEnd, logWindow, MAX_WINDOW_BYTES } from '../../ui/job-log.ts';
import { jobLogPages } from '../../ui/pages/job-log.ts';
import { searchLog } from '../../ui/search-job-log.ts';
import { urlsUnder } from '../../ui/urls.ts';
import { jobLogSection } from '../../ui/views/job-log.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { tempSpool } from '../support/spool.ts';

const print = (spool: Spool, id: string, text: string | Uint8Array) => fs.appendFileSync(spool.jobLog(id), text);

/** A log of 300 MiB: lines at its beginning and end, and a hole between them. */
function hugeLog(spool: Spool, id: string): number {
  const size = 300 * 1_048_576;
  print(spool, id, 'the first line\n');
  fs.truncateSync(spool.jobLog(id), size);
  print(spool, id, '\nthe last line\n');
  return fs.statSync(spool.jobLog(id)).size;
}

async function setUp(t: TestContext) {
  const { dashboard, spool } = await makeDashboard(t);
  const app = await appOf(dashboard, jobLogPages);
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const response = await app.request(url, { headers });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { dashboard, spool, app, get };
}

const frame = {
  url: urlsUnder(''),
  asset: () => '',
  here: '/',
  who: 'someone',
  readOnlyBecause: undefined,
  trouble: undefined,
  theme: undefined,
  now: Date.parse('2026-11-22T12:00:00Z'),
  notice: undefined,
  version: '0',
} as unknown as Frame;

const aJob = (fields: Partial<JobStatus>): JobStatus => ({
  id: 'a',
  state: 'completed',
  class: 'C',
  method: 'm',
  priority: 5,
  runAt: '2026-11-22T11:00:00.000Z',
  attempts: [],
  ...fields,
});

// What programs print: lines of any length, characters of one to four bytes, colours, bytes that are no text.
const printed = fc
  .array(
    fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'é', '日', '👩', ' ', '\u001b[31m'), maxLength: 60 }).map((text) => Buffer.from(text)),
      fc.constant(Buffer.from('\n')),
      fc.constant(Buffer.from('日本語'.repeat(200))),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => Buffer.concat(pieces));

test('windows from the first to the last show every byte of a log once, wherever lines and characters are cut', (t) => {
  const spool = tempSpool(t);
  fc.assert(
    fc.property(printed, fc.integer({ min: 16, max: 200 }), (bytes, limit) => {
      fs.writeFileSync(spool.jobLog('a'), bytes);
      let at = 0;
      while (at < bytes.length) {
        const window = logWindow(spool, 'a', { from: at }, limit);
        assert.ok(window && window.from === at && window.to > at && window.to - at <= limit);
        assert.equal(window.text, bytes.toString('utf8', at, window.to));
        const lineEnd = bytes.indexOf(0x0a, at);
        if (lineEnd >= 0 && lineEnd < at + limit && window.to < bytes.length)
          assert.equal(bytes[window.to - 1], 0x0a, 'it ends with a line');
        at = window.to;
      }
    }),
    { numRuns: 150 },
  );
});

test('the ways back from the end to the beginning show every byte once too', (t) => {
  const spool = tempSpool(t);
  fc.assert(
    fc.property(printed, fc.integer({ min: 16, max: 200 }), (bytes, limit) => {
      fs.writeFileSync(spool.jobLog('a'), bytes);
      let at = bytes.length;
      while (at > 0) {
        const window = logWindow(spool, 'a', { before: at }, limit);
        assert.ok(window && window.to === at && window.from < at && at - window.from <= limit);
        at = window.from;
      }
    }),
    { numRuns: 150 },
  );
});

test('text in which every character is whole stays whole in every window', (t) => {
  const spool = tempSpool(t);
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '👩', '\n'), maxLength: 400 });
  fc.assert(
    fc.property(text, fc.integer({ min: 16, max: 60 }), (written, limit) => {
      fs.writeFileSync(spool.jobLog('a'), written);
      let shown = '';
      for (let at = 0; at < Buffer.byteLength(written); ) {
        const window = logWindow(spool, 'a', { from: at }, limit);
        shown += window?.text;
        at = window?.to ?? Number.POSITIVE_INFINITY;
      }
      assert.equal(shown, written);
      let backwards = '';
      for (let at = Buffer.byteLength(written); at > 0; ) {
        const window = logWindow(spool, 'a', { before: at }, limit);
        backwards = `${window?.text}${backwards}`;
        at = window?.from ?? 0;
      }
      assert.equal(backwards, written);
    }),
    { numRuns: 150 },
  );
});

test('what is followed live is what was printed, however it came in', (t) => {
  const spool = tempSpool(t);
  const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 });
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '日', '👩', '\n', '\r\n', '\u001b[31m', '\u001b]0;t\u0007'), maxLength: 300 });
  let job = 0;
  fc.assert(
    fc.property(text, pieces, (written, sizes) => {
      job += 1;
      const id = `job${job}`;
      let rest = Buffer.from(written);
      let shown = '';
      let at = 0;
      for (let round = 0; rest.length > 0; round++) {
        const size = sizes[round % sizes.length] as number;
        print(spool, id, rest.subarray(0, size));
        rest = rest.subarray(size);
        const chunk = logChunk(spool, id, at);
        assert.equal(chunk.isCut, false);
        shown += chunk.text;
        at = chunk.to;
      }
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal would obey is not shown.
      assert.equal(shown, written.replaceAll('\r\n', '\n').replace(/\u001b\[31m|\u001b\]0;t\u0007/g, ''));
    }),
    { numRuns: 100 },
  );
});

test('a page goes on live exactly where the server stopped drawing it', (t) => {
  const spool = tempSpool(t);
  print(spool, 'a', Buffer.from('hello 日').subarray(0, 8));
  const end = logEnd(spool, 'a', 200, 65_536);
  assert.equal(end?.text, 'hello ');
  assert.equal(end?.to, 6);
  print(spool, 'a', Buffer.from('日').subarray(2));
  assert.deepEqual(logChunk(spool, 'a', 6), { text: '日', from: 6, to: 9, size: 9, isCut: false });
});

test('a portion that is sent live is never larger than 32 KB, and says that there is more', (t) => {
  const spool = tempSpool(t);
  print(spool, 'a', 'x'.repeat(100_000));
  const chunk = logChunk(spool, 'a', 0);
  assert.equal(chunk.to, 32_768);
  assert.equal(chunk.size, 100_000);
  assert.ok(chunk.text.length < 10_000, 'a very long line is shortened');
});

test('a log whose middle was cut out while it is followed goes on at its new end, and says so', (t) => {
  const spool = tempSpool(t);
  print(spool, 'a', 'old\n'.repeat(1_000));
  fs.writeFileSync(spool.jobLog('a'), 'beginning\n[… 3000 bytes left out …]\nend\n');
  const size = fs.statSync(spool.jobLog('a')).size;
  assert.deepEqual(logChunk(spool, 'a', 4_000), { text: '', from: size, to: size, size, isCut: true });
  print(spool, 'a', 'next\n');
  assert.equal(logChunk(spool, 'a', size).text, 'next\n');
  fs.rmSync(spool.jobLog('a'));
  assert.deepEqual(logChunk(spool, 'a', size), { text: '', from: 0, to: 0, size: 0, isCut: true });
  assert.deepEqual(logChunk(spool, 'a', 0), { text: '', from: 0, to: 0, size: 0, isCut: false });
});

test('no id leads out of the folder of logs, and nothing but a regular file is read', async (t) => {
  const { spool, get } = await setUp(t);
  const secret = path.join(spool.root, 'secret.log');
  fs.writeFileSync(secret, 'secret');
  fs.symlinkSync(secret, spool.jobLog('link'));
  fs.mkdirSync(spool.jobLog('folder'));
  execFileSync('mkfifo', [spool.jobLog('fifo')]);
  for (const id of ['link', 'folder', 'fifo', '../../secret', '..', '../secret', 'a/../../../secret', '.hidden', 'a\0b', '%', 'é']) {
    assert.equal(logWindow(spool, id, { from: 0 }, 1_024), undefined);
    assert.equal(logChunk(spool, id, 0).text, '');
    assert.equal(await searchLog(spool, id, { text: 'secret', from: 0 }), undefined);
    for (const url of [`/dashboard/jobs/${encodeURIComponent(id)}/log`, `/dashboard/jobs/${encodeURIComponent(id)}/log.txt`]) {
      const answer = await get(url);
      assert.equal(answer.status, 404, url);
      assert.doesNotMatch(answer.text, /<pre[^>]*>secret/);
    }
  }
});

test('everything that a job prints is shown inert', async (t) => {
  const { spool, get } = await setUp(t);
  const hostile =
    '<script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="x\u001b[31m<b>red</b>\u001b[0m \u202eevil\u0000\u001b]52;c;x\u0007\n';
  print(spool, 'a', hostile);
  for (const url of [
    '/dashboard/jobs/a/log',
    '/dashboard/jobs/a/log?from=0',
    '/dashboard/jobs/a/log?q=%3Cb%3E',
    '/dashboard/jobs/a/log?q=EVIL',
  ]) {
    const { status, text } = await get(url);
    assert.equal(status, 200);
    assert.doesNotMatch(text, /<script>alert|<img src=x|<b>red/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
    assert.doesNotMatch(text, /[\u0000\u001b\u0007\u202e]/);
    assert.match(text, /&lt;script&gt;alert\(1\)/);
  }
  assert.match((await get('/dashboard/jobs/a/log')).text, /<span class="ansi-red">&lt;b&gt;red&lt;\/b&gt;<\/span>/);
  assert.match((await get('/dashboard/jobs/a/log?q=%3Cscript')).text, /<mark>&lt;script<\/mark>/);
});

test('a line of a megabyte is cut with a note, and no page is larger than it should be', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', `first\n${'x'.repeat(1_048_576)}\nlast\n`);
  const long = await get('/dashboard/jobs/a/log?from=6&limit=262144');
  assert.match(long.text, /258144 more characters of this line/);
  assert.ok(long.text.length < 30_000, String(long.text.length));
  print(spool, 'b', '&\u001b[31m\u001b[32m'.repeat(60_000));
  const worst = await get('/dashboard/jobs/b/log?from=0&limit=262144');
  assert.ok(worst.text.length < 1_000_000, String(worst.text.length));
  print(spool, 'c', '--- attempt 1, x ---\n'.repeat(20_000));
  const headings = await get('/dashboard/jobs/c/log?from=0&limit=262144');
  assert.ok(headings.text.length < 600_000, String(headings.text.length));
  assert.equal(headings.text.split('id="attempt-1"').length, 2, 'a name is given once');
});

test('the viewer leads from the end to the beginning and back, and says where it is', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join(''));
  const link = (text: string, name: string) =>
    new RegExp(`href="([^"]*)"[^>]*>${name}</a>`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? assert.fail(`no link ${name}`);
  const end = (await get('/dashboard/jobs/a/log?tail=100')).text;
  assert.match(end, /line 19999\n/);
  assert.doesNotMatch(end, /line 19899\n/);
  assert.match(end, /line 19900\n/);
  const older = (await get(link(end, 'Older'))).text;
  assert.match(older, /line 19899\n/);
  assert.doesNotMatch(older, /line 19900\n/);
  const newer = (await get(link(older, 'Newer'))).text;
  assert.match(newer, />line 19900\n/);
  const first = (await get(link(older, 'Beginning'))).text;
  assert.match(first, />line 0\nline 1\n/);
  assert.doesNotMatch(first, />Older</);
  assert.match((await get(link(first, 'End'))).text, /line 19999\n/);
});

test('a window that begins within a line says so', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', 'one\nsecond\n');
  assert.match((await get('/dashboard/jobs/a/log?from=6')).text, />… cond\n/);
  assert.match((await get('/dashboard/jobs/a/log?from=4')).text, />second\n/);
});

test('attempts can be linked to, in the log and from outside it', async (t) => {
  const { spool, app, get } = await setUp(t);
  const heading = (attempt: number) => `--- attempt ${attempt}, 2026-11-22T00:00:0${attempt}.000Z, runner r-1 ---\n`;
  print(spool, 'a', `${heading(1)}one\n\n${heading(2)}two\n`);
  const { text } = await get('/dashboard/jobs/a/log');
  assert.match(text, /<strong class="log-attempt" id="attempt-2"><a href="#attempt-2">--- attempt 2, /);
  const response = await app.request('/dashboard/jobs/a/log?attempt=2');
  assert.equal(response.status, 302);
  assert.equal(response.headers.get('Location'), `/dashboard/jobs/a/log?from=${Buffer.byteLength(`${heading(1)}one\n\n`)}#attempt-2`);
  const none = await app.request('/dashboard/jobs/a/log?attempt=3');
  assert.equal(none.headers.get('Location'), '/dashboard/jobs/a/log');
});

test('an attempt is found wherever its heading stands, also across the blocks that are read', (t) => {
  const spool = tempSpool(t);
  for (const before of [0, 1, 1_048_575, 1_048_576, 1_048_560, 1_048_590, 2_200_000]) {
    fs.writeFileSync(spool.jobLog('a'), `${before === 0 ? '' : `${'x'.repeat(before - 1)}\n`}--- attempt 7, now, runner r ---\n`);
    assert.equal(attemptStart(spool, 'a', 7), before);
    assert.equal(attemptStart(spool, 'a', 70), undefined);
  }
});

test('a search finds lines in upper and lower case, with two lines around them, and leads into the log', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', ['zero', 'one', 'two', 'Error: no', 'four', 'five', 'six', 'seven', 'ERROR again', 'error', 'ten', ''].join('\n'));
  const found = await searchLog(spool, 'a', { text: 'error', from: 0 });
  assert.deepEqual(
    found?.groups.map((group) => group.map(({ text, isHit }) => `${isHit ? '*' : ''}${text}`)),
    [
      ['one', 'two', '*Error: no', 'four', 'five'],
      ['six', 'seven', '*ERROR again', '*error', 'ten'],
    ],
  );
  assert.equal(found?.hits, 3);
  assert.equal(found?.stopped, undefined);
  const { text } = await get('/dashboard/jobs/a/log?q=error');
  assert.match(text, /3 lines with “error”: all of the log was searched/);
  assert.match(text, /href="\/dashboard\/jobs\/a\/log\?from=5"/);
  assert.match(text, /<mark>ERROR<\/mark> again/);
  assert.match((await get('/dashboard/jobs/a/log?q=nowhere')).text, /No line has “nowhere”: all of the log was searched/);
});

test('a search takes signs for themselves, and colours in the middle of a word for nothing', async (t) => {
  const spool = tempSpool(t);
  print(spool, 'a', 'a.*b (c) [d] \\ $ ^\naxxb\n\u001b[31mERR\u001b[0mOR: x\n');
  const hits = async (text: string) => (await searchLog(spool, 'a', { text, from: 0 }))?.hits;
  for (const text of ['a.*b', '(c) [d]', '\\ $ ^', 'error: X']) assert.equal(await hits(text), 1, text);
  assert.equal(await hits('31m'), 0);
});

test('whatever is in a log, a search finds the lines that have the text, each once', async (t) => {
  const spool = tempSpool(t);
  const line = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '日', ' '), maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 60 }), fc.constantFrom('ab', 'é', 'b 日'), async (lines, text) => {
      fs.writeFileSync(spool.jobLog('a'), lines.map((one) => `${one}\n`).join(''));
      const found = await searchLog(spool, 'a', { text, from: 0 });
      const hits = found?.groups.flat().filter(({ isHit }) => isHit);
      assert.deepEqual(
        hits?.map((hit) => hit.text),
        lines.filter((one) => one.includes(text)),
      );
      const bytes = fs.readFileSync(spool.jobLog('a'));
      for (const { start, text: shown } of found?.groups.flat() ?? []) assert.ok(bytes.subarray(start).indexOf(`${shown}\n`) === 0);
    }),
    { numRuns: 60 },
  );
});

test('a search that has enough, or takes too long, says where it stopped and goes on from there', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', 'hit\n'.repeat(250));
  let from = 0;
  const hits: number[] = [];
  for (;;) {
    const found = await searchLog(spool, 'a', { text: 'hit', from });
    assert.ok(found);
    hits.push(found.hits);
    from = found.to;
    if (!found.stopped) break;
  }
  assert.deepEqual(hits, [100, 100, 50]);
  assert.match((await get('/dashboard/jobs/a/log?q=hit')).text, /href="\/dashboard\/jobs\/a\/log\?q=hit&amp;from=400">Go on searching/);
  hugeLog(spool, 'huge');
  const slow = await searchLog(spool, 'huge', { text: 'the last', from: 0 }, { budgetMs: 0, maxHits: 10, leastBytes: 0 });
  assert.equal(slow?.stopped, 'budget');
  assert.equal(slow?.hits, 0);
  assert.ok(slow.to > 0 && slow.to < 1_048_576);
});

test('a text is found across the pieces of a line that is longer than what is read at once', async (t) => {
  const spool = tempSpool(t);
  for (const before of [262_144 - 5, 262_144 - 1, 262_144, 2 * 262_144 - 12]) {
    fs.writeFileSync(spool.jobLog('a'), `${'x'.repeat(before)}needle${'x'.repeat(400_000)}\nnext\n`);
    const found = await searchLog(spool, 'a', { text: 'NEEDLE', from: 0 }, { budgetMs: 5_000, maxHits: 100, leastBytes: 0 });
    assert.equal(found?.hits, 1, String(before));
    assert.ok((found?.groups[0]?.find(({ isHit }) => isHit)?.text.length ?? 0) < 1_000, 'only the part around it is shown');
  }
});

test('a log of 300 MiB is shown and searched at once, and memory stays flat', async (t) => {
  const { spool, get } = await setUp(t);
  const size = hugeLog(spool, 'huge');
  await get('/dashboard/jobs/huge/log');
  const before = process.memoryUsage().rss;
  const began = performance.now();
  for (const query of [
    '',
    '?tail=5000',
    `?from=${size - 1_000}`,
    `?before=${size - 20}`,
    '?from=0',
    '?from=150000000',
    '?q=nothing',
    `?q=LAST&from=${size - 5_000}`,
  ]) {
    const { status, text } = await get(`/dashboard/jobs/huge/log${query}`);
    assert.equal(status, 200, query);
    assert.ok(text.length < 100_000, `${query}: ${text.length}`);
  }
  assert.match((await get('/dashboard/jobs/huge/log')).text, /the last line\n/);
  assert.match((await get('/dashboard/jobs/huge/log?from=0')).text, />the first line\n/);
  assert.ok(performance.now() - began < 20_000, 'ten pages took longer than 20 s');
  assert.ok(process.memoryUsage().rss - before < 100 * 1_048_576, 'it took more than 100 MiB');
});

test('a download of 300 MiB is given in blocks, and can be left in the middle', async (t) => {
  const { spool, app } = await setUp(t);
  const size = hugeLog(spool, 'huge');
  const before = process.memoryUsage();
  const response = await app.request('/dashboard/jobs/huge/log.txt');
  assert.equal(response.headers.get('Content-Length'), String(size));
  let seen = 0;
  let largest = 0;
  for await (const block of response.body as ReadableStream<Uint8Array>) {
    seen += block.length;
    largest = Math.max(largest, block.length);
  }
  assert.equal(seen, size);
  assert.ok(largest <= 65_536);
  assert.ok(process.memoryUsage().heapUsed - before.heapUsed < 50 * 1_048_576);
  const left = await app.request('/dashboard/jobs/huge/log.txt');
  const reader = (left.body as ReadableStream).getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(openFiles(spool.jobLog('huge')), 0, 'the file is closed');
});

/** How many descriptors of this process are open on a file. */
const openFiles = (file: string): number =>
  fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      return false;
    }
  }).length;

test('a download is plain text under a name, whole or in the part that is asked for', async (t) => {
  const { spool, app, get } = await setUp(t);
  print(spool, 'a', '0123456789');
  const whole = await get('/dashboard/jobs/a/log.txt');
  assert.equal(whole.status, 200);
  assert.equal(whole.text, '0123456789');
  assert.equal(whole.headers.get('Content-Type'), 'text/plain; charset=utf-8');
  assert.equal(whole.headers.get('Content-Disposition'), 'attachment; filename="a.log.txt"');
  assert.equal(whole.headers.get('X-Content-Type-Options'), 'nosniff');
  assert.equal(whole.headers.get('Accept-Ranges'), 'bytes');
  for (const [range, text, place] of [
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=4-', '456789', 'bytes 4-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-100', '89', 'bytes 8-9/10'],
    ['bytes=-100', '0123456789', 'bytes 0-9/10'],
  ] as const) {
    const part = await get('/dashboard/jobs/a/log.txt', { Range: range });
    assert.equal(part.status, 206, range);
    assert.equal(part.text, text, range);
    assert.equal(part.headers.get('Content-Range'), place);
    assert.equal(part.headers.get('Content-Length'), String(text.length));
  }
  for (const range of ['bytes=10-', 'bytes=11-20', 'bytes=-0']) {
    const refused = await get('/dashboard/jobs/a/log.txt', { Range: range });
    assert.equal(refused.status, 416, range);
    assert.equal(refused.headers.get('Content-Range'), 'bytes */10');
  }
  for (const range of ['lines=1-2', 'bytes=5-2', 'bytes=a-b', 'bytes=0-1,3-4', 'bytes=-', '']) {
    assert.equal((await get('/dashboard/jobs/a/log.txt', { Range: range })).status, 200, range);
  }
  assert.equal((await get('/dashboard/jobs/a/log.txt', { Range: 'bytes=0-1', 'If-Range': '"x"' })).status, 200);
  const head = await app.request('/dashboard/jobs/a/log.txt', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('Content-Length'), '10');
  assert.equal(await head.text(), '');
  fs.writeFileSync(spool.jobLog('empty'), '');
  assert.equal((await get('/dashboard/jobs/empty/log.txt')).status, 200);
  for (const id of ['a', 'empty']) assert.equal(openFiles(spool.jobLog(id)), 0, 'the file is closed');
});

test('any range that is given lies within the file', () => {
  const range = fc.tuple(fc.option(fc.nat(30)), fc.option(fc.nat(30))).map(([first, last]) => `bytes=${first ?? ''}-${last ?? ''}`);
  fc.assert(
    fc.property(range, fc.nat(20), (header, size) => {
      const given = rangeOf(header, size);
      if (given === undefined || given === 'unsatisfiable') return;
      assert.ok(given.start >= 0 && given.start < given.end && given.end <= size, `${header} of ${size}: ${JSON.stringify(given)}`);
    }),
  );
});

test('a log that becomes shorter while it is downloaded breaks the download off', async (t) => {
  const { spool, app } = await setUp(t);
  print(spool, 'a', 'x'.repeat(500_000));
  const response = await app.request('/dashboard/jobs/a/log.txt');
  fs.truncateSync(spool.jobLog('a'), 10);
  await assert.rejects(response.text());
  assert.equal(openFiles(spool.jobLog('a')), 0);
});

test('a wrong address is answered by a sentence', async (t) => {
  const { spool, get } = await setUp(t);
  print(spool, 'a', 'x\n');
  for (const [query, sentence] of [
    ['from=-1', /from: expected a number of bytes, got/],
    ['from=1e99', /from: expected a number of bytes/],
    ['tail=0', /tail: expected a number of lines from 1 to 5000/],
    ['tail=1&tail=2', /tail/],
    ['limit=99999999', new RegExp(`limit: expected a number of bytes from 1024 to ${MAX_WINDOW_BYTES}`)],
    [`q=${'x'.repeat(201)}`, /q/],
    ['attempt=0', /attempt: expected the number of an attempt/],
    ['colour=red', /unknown field/],
  ] as const) {
    const { status, text } = await get(`/dashboard/jobs/a/log?${query}`);
    assert.equal(status, 400, query);
    assert.match(text, sentence, query);
  }
  assert.equal((await get('/dashboard/jobs/a/log?from=999999')).status, 200);
  assert.equal((await get('/dashboard/jobs/nobody/log')).status, 404);
});

test("a job's page has the end of its log, where it stops in bytes, and the ways to the rest", async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  print(spool, 'a', Array.from({ length: 300 }, (_, line) => `line ${line}\n`).join(''));
  const size = fs.statSync(spool.jobLog('a')).size;
  const section = String(jobLogSection(frame, dashboard, aJob({ state: 'running' })));
  assert.match(section, new RegExp(`<pre class="log" id="log" data-from="${size}" role="log" aria-live="off"[^>]*>line 100\\n`));
  assert.match(section, /line 299\n<\/pre>/);
  assert.match(section, /href="\/dashboard\/jobs\/a\/log"/);
  assert.match(section, /href="\/dashboard\/jobs\/a\/log.txt"/);
  assert.match(section, /action="\/dashboard\/jobs\/a\/log"/);
  assert.match(section, /id="follow"/);
  assert.doesNotMatch(String(jobLogSection(frame, dashboard, aJob({}))), /id="follow"/);
});

test('a job without a log says why', async (t) => {
  const keep = { name: 'JOBSPOOL_KEEP_LOGS', value: '14d', source: 'default', means: '' } as const;
  const { dashboard } = await makeDashboard(t, { settings: [keep] });
  const says = (fields: Partial<JobStatus>) => String(jobLogSection(frame, dashboard, aJob(fields)));
  const attempt = { number: 1, outcome: 'completed', startedAt: '', finishedAt: '', runner: '' } as const;
  assert.match(says({ state: 'pending' }), /It has not started yet/);
  assert.match(says({ state: 'running' }), /It has printed nothing so far/);
  assert.match(says({ state: 'running' }), /data-from="0"[^>]*><\/pre>/);
  assert.match(says({ state: 'rejected', id: '<odd> id' }), /It never ran/);
  assert.match(says({ attempts: [attempt], finishedAt: '2026-11-22T11:00:00.000Z' }), /It has printed nothing, or its log was cleared/);
  assert.match(says({ attempts: [attempt], finishedAt: '2026-10-22T11:00:00.000Z' }), /its log was removed: logs are kept for 14d/);
});
