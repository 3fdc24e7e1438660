import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { DailyFile } from '../../jobs/daily-file.ts';
import { EventLog } from '../../jobs/event-log.ts';
import { ERRORS_FILE, EVENTS_FILE } from '../../spool/layout.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { logPages } from '../../ui/pages/logs.ts';
import { type LogFilter, type LogPage, readServiceLog } from '../../ui/service-log.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { tempSpool } from '../support/spool.ts';

const eventsFile = (spool: Spool) => path.join(spool.logs, EVENTS_FILE);
const every: LogFilter = { level: undefined, class: undefined, id: undefined, q: undefined };

const jsonLine = (fields: object) => `${JSON.stringify({ level: 'info', time: '2026-11-22T10:00:00.000Z', ...fields })}\n`;
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => jsonLine({ msg: `n${from + n}` })).join('');

const messages = (page: LogPage) => page.lines.map(({ fields, text }) => fields?.msg ?? text);

async function setUp(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const made = await makeDashboard(t, overrides);
  const app = await appOf(made.dashboard, logPages);
  const get = async (url: string) => {
    const response = await app.request(url);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const post = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    app.request(url, { method: 'POST', body: new URLSearchParams(fields), headers: { 'Sec-Fetch-Site': 'same-origin', ...headers } });
  return { ...made, app, get, post };
}

/** All pages, from the newest line to the oldest, following the cursors. */
async function allPages(spool: Spool, filter: LogFilter, limit: number, between: (page: number) => void = () => {}): Promise<unknown[]> {
  const seen: unknown[] = [];
  let before: string | undefined;
  for (let page = 1; ; page++) {
    const read: LogPage = await readServiceLog(spool, 'events', filter, before, { limit, budgetMs: 10_000, leastBytes: 0 });
    assert.equal(read.isLost, false);
    seen.push(...messages(read));
    if (read.next === undefined) return seen;
    before = read.next;
    between(page);
  }
}

test('lines come newest first, each once, over the files of all days and whatever the size of a page', async (t) => {
  const spool = tempSpool(t);
  fs.writeFileSync(path.join(spool.logs, 'background_jobs.2026-11-20.log'), numbered(0, 30));
  fs.writeFileSync(path.join(spool.logs, 'background_jobs.2026-11-21.log'), numbered(30, 45));
  for (let file = 2; file <= 11; file++) {
    const from = 45 + (file - 2) * 2;
    fs.writeFileSync(path.join(spool.logs, `background_jobs.2026-11-21.${file}.log`), numbered(from, from + 2));
  }
  fs.writeFileSync(eventsFile(spool), numbered(65, 80));
  // None of these is a part of it.
  fs.writeFileSync(path.join(spool.logs, ERRORS_FILE), numbered(900, 901));
  fs.writeFileSync(path.join(spool.logs, 'background_jobs_errors.2026-11-21.log'), numbered(901, 902));
  fs.writeFileSync(path.join(spool.logs, 'background_jobs.old.log'), numbered(902, 903));
  fs.symlinkSync(eventsFile(spool), path.join(spool.logs, 'background_jobs.2026-11-19.log'));
  execFileSync('mkfifo', [path.join(spool.logs, 'background_jobs.2026-11-18.log')]);
  const expected = Array.from({ length: 80 }, (_, n) => `n${79 - n}`);
  for (const limit of [1, 7, 15, 80, 100]) assert.deepEqual(await allPages(spool, every, limit), expected, `${limit} on a page`);
});

test('lines that are written, and a rotation, between two pages make none come twice or be left out', async (t) => {
  const spool = tempSpool(t);
  const clock = { now: Date.now() };
  const log = new DailyFile(spool, eventsFile(spool), () => clock.now);
  const yesterday = (Date.now() - 86_400_000) / 1_000;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 }), async (limit, rotateAt) => {
      for (const name of fs.readdirSync(spool.logs)) fs.rmSync(path.join(spool.logs, name), { recursive: true });
      clock.now = Date.now();
      fs.writeFileSync(eventsFile(spool), numbered(0, 40));
      fs.utimesSync(eventsFile(spool), yesterday, yesterday);
      const seen = await allPages(spool, every, limit, (page) => {
        if (page !== rotateAt) return;
        clock.now += 2_000;
        log.write(numbered(900, 910));
      });
      assert.deepEqual(
        seen,
        Array.from({ length: 40 }, (_, n) => `n${39 - n}`),
      );
    }),
    { numRuns: 20 },
  );
  log.close();
  assert.ok(fs.readdirSync(spool.logs).length > 0);
});

test('a cursor into a log that was cleared meanwhile gives the newest lines, and says that the others are gone', async (t) => {
  const { spool, get } = await setUp(t);
  fs.writeFileSync(eventsFile(spool), numbered(0, 300));
  const { next } = await readServiceLog(spool, 'events', every, undefined);
  fs.truncateSync(eventsFile(spool), 0);
  fs.appendFileSync(eventsFile(spool), numbered(900, 901));
  const page = await readServiceLog(spool, 'events', every, next);
  assert.equal(page.isLost, true);
  assert.deepEqual(messages(page), ['n900']);
  const { status, text } = await get(`/job-logs?before=${next}`);
  assert.equal(status, 200);
  assert.match(text, /The lines before these are gone/);
});

test('filters find by level and worse, by class and id as they are, and by text in upper or lower case', async (t) => {
  const spool = tempSpool(t);
  const lines = [
    { msg: 'one', class: 'Mail', id: 'a-1', level: 'info' },
    { msg: 'two', class: 'Mailer', id: 'a-10', level: 'warn' },
    { msg: 'Three "quoted" \\ back\nslash', class: 'Mail', id: 'x', level: 'error', err: { message: 'Connection RESET', stack: 'at x' } },
    { msg: 'a-1 is only mentioned', level: 'fatal' },
  ];
  fs.writeFileSync(eventsFile(spool), `${lines.map((line) => JSON.stringify(line)).join('\n')}\nPlain TEXT that is no JSON\n[1]\n"x"\n\n`);
  const found = async (filter: Partial<LogFilter>) => messages(await readServiceLog(spool, 'events', { ...every, ...filter }, undefined));
  const [one, two, three, four] = lines.map(({ msg }) => msg);
  assert.deepEqual(await found({}), ['"x"', '[1]', 'Plain TEXT that is no JSON', four, three, two, one]);
  assert.deepEqual(await found({ level: 'warn' }), [four, three, two]);
  assert.deepEqual(await found({ level: 'error' }), [four, three]);
  assert.deepEqual(await found({ class: 'Mail' }), [three, one]);
  assert.deepEqual(await found({ id: 'a-1' }), [one]);
  assert.deepEqual(await found({ class: 'Mail', level: 'error' }), [three]);
  assert.deepEqual(await found({ q: 'plain text' }), ['Plain TEXT that is no JSON']);
  assert.deepEqual(await found({ q: 'three "QUOTED" \\' }), [three]);
  assert.deepEqual(await found({ q: 'connection reset' }), [three]);
  assert.deepEqual(await found({ q: 'nowhere' }), []);
  assert.deepEqual(await found({ q: '.*' }), []);
});

test('nobody finds a secret by guessing, and none is shown', async (t) => {
  const { spool, get } = await setUp(t);
  fs.writeFileSync(eventsFile(spool), jsonLine({ msg: 'a line', params: { password: 'hunter2', user: 'anna' } }));
  assert.match((await get('/job-logs?q=anna')).text, /a line/);
  assert.doesNotMatch((await get('/job-logs?q=hunter')).text, /a line/);
  assert.doesNotMatch((await get('/job-logs')).text, /hunter2/);
});

test('what the service wrote is shown with its time, level, event, handler, job, attempt and stack', async (t) => {
  const { spool, get } = await setUp(t);
  const log = new EventLog(spool);
  const err = { name: 'TypeError', message: 'x is not a function', stack: 'TypeError: x is not a function\n    at send-mail.ts:3:5' };
  log.event('failed', { id: 'mail-1', class: 'SendMail', method: 'send', attempt: 3, durationMs: 40, err }, 'failed after 40ms: TypeError');
  log.info('dispatcher started');
  log.close();
  const { status, text } = await get('/job-logs');
  assert.equal(status, 200);
  assert.ok(text.indexOf('dispatcher started') < text.indexOf('failed after 40ms'), 'newest first');
  assert.match(text, /<time datetime="20/);
  assert.match(text, /<\/span> error<\/span>/);
  assert.match(text, /data-label="Event">failed</);
  assert.match(text, /SendMail\.send/);
  assert.match(text, /href="\/dashboard\/jobs\/mail-1"/);
  assert.match(text, /data-label="Attempt">3</);
  assert.match(text, /at send-mail.ts:3:5/);
  assert.match(text, /&quot;durationMs&quot;: 40/);
  const errors = (await get('/job-logs?log=errors')).text;
  assert.match(errors, /failed after 40ms/);
  assert.doesNotMatch(errors, /dispatcher started/);
});

test('everything in a line is shown inert, whatever type it has', async (t) => {
  const { spool, get } = await setUp(t);
  const evil = '<script>alert(1)</script>\u001b[31m\u202e"\' onclick=x';
  const fields = {
    level: evil,
    event: evil,
    class: evil,
    method: evil,
    id: evil,
    attempt: evil,
    msg: evil,
    [evil]: evil,
    err: { stack: evil },
  };
  const odd = {
    level: { a: 1 },
    time: 'never',
    event: ['<b>'],
    class: 3,
    id: { toString: '<b>' },
    attempt: null,
    msg: { '<b>': 1 },
    err: '<b>',
  };
  const proto = '{"__proto__":{"level":"<b>"},"constructor":"<b>","msg":"proto"}\n';
  fs.writeFileSync(eventsFile(spool), `${jsonLine(fields)}${JSON.stringify(odd)}\n${proto}${evil}\n{"broken": \nnull\n12\n`);
  const { status, text } = await get('/job-logs');
  assert.equal(status, 200);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left.
  assert.doesNotMatch(text, /<script>alert|<b>|[\u001b\u202e]|<[^>]* onclick=x/);
  assert.match(text, /&lt;script&gt;alert\(1\)/);
  assert.equal(text.split('<tr id="line-').length - 1, 7);
});

test('a line of megabytes is cut, and a page of stacks stays bounded', async (t) => {
  const { spool, get } = await setUp(t);
  fs.writeFileSync(
    eventsFile(spool),
    `${numbered(0, 3)}${jsonLine({ msg: 'm'.repeat(1_048_576) })}${'x'.repeat(3_000_000)}\n${numbered(3, 5)}`,
  );
  const { text } = await get('/job-logs');
  for (const n of [0, 1, 2, 3, 4]) assert.match(text, new RegExp(`>n${n}<`));
  assert.ok(text.length < 150_000, String(text.length));
  const err = { name: 'E', message: 'm'.repeat(16_384), stack: '&'.repeat(16_384) };
  fs.writeFileSync(eventsFile(spool), jsonLine({ msg: 'failed', err }).repeat(200));
  const stacks = (await get('/job-logs')).text;
  assert.match(stacks, /more characters …/);
  assert.ok(stacks.length < 4_000_000, String(stacks.length));
});

test('a log of 300 MB is read from its end at once, a search in it stops in time and goes on', async (t) => {
  const { spool, get } = await setUp(t);
  const portion = numbered(0, 20_000);
  const fd = fs.openSync(eventsFile(spool), 'w');
  fs.writeSync(fd, jsonLine({ msg: 'the very first', id: 'first' }));
  for (let size = 0; size < 300_000_000; size += portion.length) fs.writeSync(fd, portion);
  fs.closeSync(fd);
  const before = process.memoryUsage().rss;
  const began = performance.now();
  assert.match((await get('/job-logs')).text, />n19999</);
  const { status, text } = await get('/job-logs?id=first');
  assert.equal(status, 200);
  assert.match(text, /No line found yet that matches: the search looked at the newest [\d.]+ MiB and stopped there/);
  assert.match(text, /before=\d+%7E\d+">Go on searching/);
  assert.ok(performance.now() - began < 10_000, 'two pages took longer than 10 s');
  let cursor: string | undefined;
  let rounds = 0;
  for (let page: LogPage; ; cursor = page.next, rounds++) {
    page = await readServiceLog(spool, 'events', { ...every, id: 'first' }, cursor, { limit: 100, budgetMs: 200, leastBytes: 4_000_000 });
    if (page.next !== undefined) continue;
    assert.deepEqual(messages(page), ['the very first']);
    break;
  }
  assert.ok(rounds > 0);
  assert.ok(process.memoryUsage().rss - before < 100 * 1_048_576, 'it took more than 100 MiB');
});

test('the filter stays in the addresses of the other log and of older lines', async (t) => {
  const { spool, get } = await setUp(t);
  fs.writeFileSync(eventsFile(spool), jsonLine({ msg: 'x', class: 'A', id: 'i' }).repeat(150));
  const { text } = await get('/job-logs?class=A&id=i&level=info&q=x');
  assert.match(text, /href="\/job-logs\?log=errors&amp;level=info&amp;class=A&amp;id=i&amp;q=x"/);
  assert.match(text, /href="\/job-logs\?level=info&amp;class=A&amp;id=i&amp;q=x&amp;before=\d+%7E\d+"/);
  assert.match(text, /<option value="info" selected>/);
  assert.match(text, /data-live="\/dashboard\/live\?[^"]*view=logs/);
  const next = /before=(\d+%7E\d+)/.exec(text)?.[1];
  const older = (await get(`/job-logs?class=A&id=i&level=info&q=x&before=${next}`)).text;
  assert.equal(older.split('<tr id="line-').length - 1, 50);
  assert.doesNotMatch(older, /data-live/);
  assert.match(older, />Newest</);
  assert.doesNotMatch(older, />Older lines</);
});

test('under a base path every link and form stays under it', async (t) => {
  const { spool, get, post } = await setUp(t, { basePath: '/a/b' });
  fs.writeFileSync(eventsFile(spool), jsonLine({ msg: 'x', id: 'i' }).repeat(150));
  for (const url of ['/a/b/job-logs?level=info', '/a/b/job-logs/clear?log=events']) {
    const { status, text } = await get(url);
    assert.equal(status, 200);
    for (const [, address] of text.matchAll(/(?:href|action|hx-post)="([^"]*)"/g)) assert.match(address as string, /^(\/a\/b\/|#)/);
  }
  assert.equal((await post('/a/b/job-logs/clear', { log: 'events', back: '/job-logs' })).headers.get('Location'), '/a/b/job-logs');
});

test('an empty log says so, and so does a search that finds nothing', async (t) => {
  const { spool, get } = await setUp(t);
  assert.match((await get('/job-logs')).text, /The events log is empty/);
  assert.match((await get('/job-logs?log=errors')).text, /The errors log is empty/);
  assert.equal((await get('/job-logs/download?log=events')).status, 404);
  fs.writeFileSync(eventsFile(spool), numbered(0, 3));
  assert.match((await get('/job-logs?q=nowhere')).text, /No line of the events log matches/);
});

test("today's file can be downloaded, whole or in part", async (t) => {
  const { spool, app } = await setUp(t);
  fs.writeFileSync(eventsFile(spool), numbered(0, 3));
  const response = await app.request('/job-logs/download?log=events');
  assert.equal(await response.text(), numbered(0, 3));
  assert.equal(response.headers.get('Content-Disposition'), 'attachment; filename="background_jobs.log"');
  const part = await app.request('/job-logs/download?log=events', { headers: { Range: 'bytes=-5' } });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), numbered(0, 3).slice(-5));
});

test('a log is cleared after it was asked about, the other one stays, and it is logged who did it', async (t) => {
  const { spool, journal, get, post } = await setUp(t);
  const errors = path.join(spool.logs, ERRORS_FILE);
  const rotated = path.join(spool.logs, 'background_jobs.2026-11-20.log');
  for (const file of [eventsFile(spool), errors, rotated]) fs.writeFileSync(file, numbered(0, 5));
  assert.match((await get('/job-logs')).text, /class="button danger confirm" href="\/job-logs\/clear\?log=events"/);
  const question = await get('/job-logs/clear?log=events');
  assert.match(question.text, /id="confirm"/);
  assert.match(question.text, /Clear the events log\?/);
  assert.match(question.text, /1 file of earlier days/);
  assert.match(question.text, /method="post" action="\/job-logs\/clear"/);
  assert.ok(fs.existsSync(rotated), 'asking changes nothing');
  const done = await post('/job-logs/clear', { log: 'events', back: '/job-logs?log=events' });
  assert.equal(done.status, 303);
  assert.equal(done.headers.get('Location'), '/job-logs?log=events');
  assert.match(decodeURIComponent(done.headers.get('Set-Cookie') ?? ''), /The events log was cleared/);
  assert.equal(fs.statSync(eventsFile(spool)).size, 0);
  assert.ok(!fs.existsSync(rotated));
  assert.equal(fs.readFileSync(errors, 'utf8'), numbered(0, 5));
  assert.match(journal.lines.at(-1)?.text ?? '', /the events log was cleared/);
  assert.ok('who' in (journal.lines.at(-1)?.fields ?? {}));
});

test('a log is not cleared by a viewer, from another site, or by a wrong form', async (t) => {
  const { spool, get, post } = await setUp(t, { readOnly: true });
  fs.writeFileSync(eventsFile(spool), numbered(0, 5));
  assert.match((await get('/job-logs')).text, /<button class="danger" disabled/);
  assert.equal((await post('/job-logs/clear', { log: 'events' })).status, 403);
  const open = await setUp(t);
  fs.writeFileSync(eventsFile(open.spool), numbered(0, 5));
  assert.equal((await open.post('/job-logs/clear', { log: 'events' }, { 'Sec-Fetch-Site': 'cross-site' })).status, 403);
  assert.equal((await open.post('/job-logs/clear', { log: 'all' })).status, 422);
  assert.equal((await open.post('/job-logs/clear', {})).status, 422);
  for (const { logs } of [spool, open.spool]) assert.equal(fs.readFileSync(path.join(logs, EVENTS_FILE), 'utf8'), numbered(0, 5));
  const elsewhere = await open.post('/job-logs/clear', { log: 'events', back: '//evil.example/' });
  assert.equal(elsewhere.headers.get('Location'), '/job-logs?log=events');
});

test('a wrong address is answered by a sentence', async (t) => {
  const { get } = await setUp(t);
  for (const [query, sentence] of [
    ['log=all', /log: expected &quot;events&quot; or &quot;errors&quot;/],
    ['level=loud', /level: expected &quot;debug&quot; or/],
    ['before=x', /before: expected the cursor that a page of this log gave/],
    [`q=${'x'.repeat(201)}`, /q:/],
    ['log=events&log=errors', /log/],
    ['colour=red', /unknown field/],
  ] as const) {
    const { status, text } = await get(`/job-logs?${query}`);
    assert.equal(status, 400, query);
    assert.match(text, sentence, query);
  }
  assert.equal((await get('/job-logs?before=1~99')).status, 200);
  assert.equal((await get('/job-logs/clear')).status, 400);
});
