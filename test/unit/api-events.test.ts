import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { DailyFile } from '../../jobs/daily-file.ts';
import { clearLogs } from '../../spool/clear-logs.ts';
import { EVENTS_FILE } from '../../spool/layout.ts';
import type { Spool } from '../../spool/spool.ts';
import { type Cursor, cursorOf, cursorText, type EventFeed, eventFeed } from '../../ui/api/event-feed.ts';
import { afterwards } from '../support/afterwards.ts';
import { type Client, makeClient } from '../support/api.ts';
import { startService, tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

test('what happens to real jobs arrives in order, and who is cut off and comes back misses nothing and gets nothing twice', async (t) => {
  const client = await makeClient(t);
  const { spool, ask } = client;
  await startService(t, { dir: spool.root });
  const stream = await open(t, client);
  await ask('POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['x'], id: 'first' });
  await waitFor(() => stream.events.some(isOf('first', 'completed')), 'the first job to complete');
  assert.deepEqual(
    stream.events.filter(({ data }) => data.id === 'first').map(({ event }) => event),
    ['accepted', 'running', 'completed'],
  );
  assert.equal(stream.events.at(-1)?.data.class, 'ExampleJob');
  await stream.close();

  // While nobody listens.
  for (const id of ['second', 'third']) await ask('POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['x'], id });
  await waitFor(async () => (await ask('GET', '/api/jobs/third')).body.state === 'completed', 'the third job to complete');
  const resumed = await open(t, client, '', { 'Last-Event-ID': stream.lastId() });
  await ask('POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['x'], id: 'last' });
  await waitFor(() => resumed.events.some(isOf('last', 'completed')), 'the last job to complete');
  const seen = [...stream.events, ...resumed.events].map(({ data, event }) => `${data.id} ${event}`);
  assert.deepEqual(seen, eventsIn(spool));
});

test('a stream gives only the jobs, classes and events that were asked for', async (t) => {
  const client = await makeClient(t);
  const streams = await Promise.all(
    ['?id=a,c', '?class=Report', '?event=failed,completed&class=Mail'].map((query) => open(t, client, query)),
  );
  write(client.spool, [
    { event: 'accepted', id: 'a', class: 'Mail' },
    { event: 'completed', id: 'b', class: 'Mail' },
    { event: 'failed', id: 'c', class: 'Report' },
    { event: 'completed', id: 'z', class: 'Other' },
    { event: 'failed', id: 'd', class: 'Mail' },
    { event: 'running', id: 'a', class: 'Report' },
  ]);
  const [byId, byClass, byEvent] = streams;
  await waitFor(() => byEvent?.events.length === 2 && byClass?.events.length === 2 && byId?.events.length === 3, 'the events');
  assert.deepEqual(
    byId?.events.map(({ data }) => data.id),
    ['a', 'c', 'a'],
  );
  assert.deepEqual(
    byClass?.events.map(({ event }) => event),
    ['failed', 'running'],
  );
  assert.deepEqual(
    byEvent?.events.map(({ data }) => data.id),
    ['b', 'd'],
  );
});

test('a stream begins with what comes next, and shows no secret and no line that is about no job', async (t) => {
  const client = await makeClient(t);
  write(client.spool, [{ event: 'completed', id: 'before' }]);
  const stream = await open(t, client);
  fs.appendFileSync(path.join(client.spool.logs, EVENTS_FILE), 'no JSON\n{"event":7}\n{"event":"a\\nb"}\nnull\n');
  write(client.spool, [
    { msg: 'the service says something' },
    { event: 'failed', id: 'after', password: 'hunter2', err: { name: 'E', message: 'm' } },
  ]);
  await waitFor(() => stream.events.length > 0, 'an event');
  assert.deepEqual(
    stream.events.map(({ data }) => data.id),
    ['after'],
  );
  assert.doesNotMatch(stream.text(), /hunter2/);
  assert.match(stream.response.headers.get('Content-Type') ?? '', /^text\/event-stream/);
  assert.equal(stream.response.headers.get('X-Accel-Buffering'), 'no');
});

test('who is cut off before the first event also misses nothing', async (t) => {
  const client = await makeClient(t);
  const stream = await open(t, client);
  await stream.close();
  write(client.spool, [{ event: 'accepted', id: 'a' }]);
  const resumed = await open(t, client, `?after=${stream.lastId()}`);
  await waitFor(() => resumed.events.length === 1, 'the event');
});

test('a Last-Event-ID that is none of ours is refused', async (t) => {
  const client = await makeClient(t);
  for (const id of ['7', 'x-y', '-', '1-2-3', '99999999999999999-1', '1.5-2']) {
    const { status, body } = await client.ask('GET', '/api/events', undefined, { 'Last-Event-ID': id });
    assert.equal(status, 422, id);
    assert.match(String(body.detail), /Last-Event-ID: expected/);
  }
});

test('streams end when the service stops', async (t) => {
  const stopping = new AbortController();
  const client = await makeClient(t, { stopping: stopping.signal });
  const stream = await open(t, client);
  stopping.abort();
  await stream.ended;
});

test('more than a hundred streams are refused, and one that ends makes room; asking with HEAD takes none', async (t) => {
  const client = await makeClient(t);
  for (let number = 0; number < 150; number++) await client.ask('HEAD', '/api/events');
  const streams = await Promise.all(Array.from({ length: 100 }, () => open(t, client)));
  const refused = await client.ask('GET', '/api/events');
  assert.deepEqual([refused.status, refused.headers.get('Retry-After')], [503, '10']);
  await streams[0]?.close();
  await waitFor(async () => {
    const response = await client.request('/api/events');
    await response.body?.cancel();
    return response.status === 200;
  }, 'room for another');
});

const NOON = Date.UTC(2026, 10, 20, 12);
const MIDNIGHT = Date.UTC(2026, 10, 21);

test('the feed goes on across the daily rotation, and waits for those who still write to the old file', (t) => {
  const spool = tempSpool(t);
  const feed = eventFeed(spool);
  const from = feed.end();
  const clock = { now: NOON };
  const file = path.join(spool.logs, EVENTS_FILE);
  const [one, other] = [new DailyFile(spool, file, () => clock.now), new DailyFile(spool, file, () => clock.now)];
  afterwards(t, () => [one, other].map((writer) => writer.close()));
  const say = (writer: DailyFile, id: string) => {
    writer.write(lineOf({ event: 'running', id }, clock.now));
    // The kernel's clock is not ours.
    for (const name of fs.readdirSync(spool.logs)) if (name.endsWith('.log')) touchIfNewest(spool, name, id, clock.now);
  };
  say(one, 'a');
  say(other, 'b');
  const first = read(feed, from, clock.now);
  assert.deepEqual(first.ids, ['a', 'b']);

  clock.now = MIDNIGHT - 500;
  say(other, 'c');
  clock.now += 900;
  say(one, 'd');
  assert.equal(fs.readdirSync(spool.logs).filter((name) => name.endsWith('.log')).length, 2);
  // The other has not looked yet whether there is a new file.
  say(other, 'late');
  const second = read(feed, first.cursor, clock.now);
  assert.deepEqual(second.ids, ['c', 'late']);
  clock.now += 6_000;
  say(other, 'e');
  const third = read(feed, second.cursor, clock.now);
  assert.deepEqual(third.ids, ['d', 'e']);
  // From anywhere, later.
  assert.deepEqual(read(feed, first.cursor, clock.now).ids, ['c', 'late', 'd', 'e']);
  assert.deepEqual(read(eventFeed(spool), { file: 0, offset: 0 }, clock.now).ids, ['a', 'b', 'c', 'late', 'd', 'e']);
});

test('a log that is cleared or removed is gone, and what is written after is not', (t) => {
  const spool = tempSpool(t);
  const feed = eventFeed(spool);
  write(spool, [{ event: 'running', id: 'a' }], NOON);
  const cursor = feed.end();
  write(spool, [{ event: 'running', id: 'b' }], NOON + 1);
  clearLogs(spool, 'events');
  assert.deepEqual(read(feed, cursor, NOON + 2).ids, []);
  write(spool, [{ event: 'running', id: 'c' }], NOON + 2);
  const after = read(feed, cursor, NOON + 3);
  assert.deepEqual(after.ids, ['c']);
  fs.rmSync(path.join(spool.logs, EVENTS_FILE));
  write(spool, [{ event: 'running', id: 'd' }], NOON + 3);
  assert.deepEqual(read(feed, after.cursor, NOON + 4).ids, ['d']);
});

test('a line that is being written is given once it is whole', (t) => {
  const spool = tempSpool(t);
  const feed = eventFeed(spool);
  write(spool, [{ event: 'running', id: 'a' }]);
  const file = path.join(spool.logs, EVENTS_FILE);
  const line = lineOf({ event: 'failed', id: 'ü' });
  const bytes = Buffer.from(line);
  const torn = bytes.indexOf(0xc3) + 1;
  fs.appendFileSync(file, bytes.subarray(0, torn));
  const cursor = feed.end();
  assert.deepEqual(read(feed, cursor).ids, []);
  fs.appendFileSync(file, bytes.subarray(torn));
  assert.deepEqual(read(feed, cursor).ids, ['ü']);
});

test('a long log is read in portions, none of which loses or repeats a line', (t) => {
  const spool = tempSpool(t);
  const ids = Array.from({ length: 5_000 }, (_, index) => `job-${index}-${'ä'.repeat(index % 50)}`);
  write(
    spool,
    ids.map((id) => ({ event: 'running', id })),
  );
  fs.appendFileSync(path.join(spool.logs, EVENTS_FILE), `${'x'.repeat(400_000)}\n`);
  write(spool, [{ event: 'completed', id: 'last' }]);
  assert.deepEqual(read(eventFeed(spool), { file: 0, offset: 0 }).ids, [...ids, 'last']);
  // From the cursor of each event on, exactly those after it.
  const feed = eventFeed(spool);
  const { events } = feed.read({ file: 0, offset: 0 }, Date.now());
  const cursor = events[17]?.cursor as Cursor;
  assert.deepEqual(cursorOf(cursorText(cursor)), cursor);
  assert.deepEqual(read(feed, cursor).ids, [...ids.slice(18), 'last']);
});

test('a spool without a log has no events, and the first one is given when it comes', (t) => {
  const spool = tempSpool(t);
  const feed = eventFeed(spool);
  const from = feed.end();
  assert.deepEqual(read(feed, from), { ids: [], cursor: from });
  fs.writeFileSync(path.join(spool.logs, EVENTS_FILE), '');
  assert.deepEqual(read(feed, from), { ids: [], cursor: from });
  write(spool, [{ event: 'running', id: 'a' }]);
  assert.deepEqual(read(feed, from).ids, ['a']);
});

/** All there is from a place on. */
function read(feed: EventFeed, from: Cursor, now = Date.now()): { ids: unknown[]; cursor: Cursor } {
  const ids: unknown[] = [];
  for (let cursor = from; ; ) {
    const portion = feed.read(cursor, now);
    ids.push(...portion.events.map(({ fields }) => fields.id));
    const isStill = cursorText(portion.cursor) === cursorText(cursor);
    cursor = portion.cursor;
    if (isStill) return { ids, cursor };
  }
}

const lineOf = (fields: object, now = Date.now()): string =>
  `${JSON.stringify({ level: 'info', time: new Date(now).toISOString(), ...fields })}\n`;

function write(spool: Spool, lines: object[], now?: number): void {
  fs.appendFileSync(path.join(spool.logs, EVENTS_FILE), lines.map((fields) => lineOf(fields, now)).join(''));
}

// The file that has just got the line gets the test's time, as the kernel would have given it.
function touchIfNewest(spool: Spool, name: string, id: string, now: number): void {
  const file = path.join(spool.logs, name);
  const last = fs.readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  if (last.includes(`"id":"${id}"`)) fs.utimesSync(file, now / 1_000, now / 1_000);
}

function eventsIn(spool: Spool): string[] {
  const lines = fs.readFileSync(path.join(spool.logs, EVENTS_FILE), 'utf8').trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { id?: string; event?: string })
    .flatMap(({ id, event }) => (event ? `${id} ${event}` : []));
}

type Received = { event: string; id: string; data: Record<string, unknown> };

const isOf =
  (id: string, event: string) =>
  (received: Received): boolean =>
    received.data.id === id && received.event === event;

/** Listens until the test is over; resolves once the stream has begun. */
async function open(t: TestContext, { request }: Client, query = '', headers: Record<string, string> = {}) {
  const response = await request(`/api/events${query}`, { headers });
  assert.equal(response.status, 200);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  const ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
    }
  })();
  const stream = {
    response,
    ended,
    text: () => text,
    /** As a browser keeps it. */
    lastId: () => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '',
    get events(): Received[] {
      return text.split('\n\n').slice(0, -1).flatMap(receivedOf);
    },
    close: async () => {
      await reader.cancel();
      await ended;
    },
  };
  afterwards(t, stream.close);
  await waitFor(() => text.includes('\n\n'), 'the stream to begin');
  return stream;
}

function receivedOf(block: string): Received[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const data = field('data');
  return data === undefined ? [] : [{ event: field('event') ?? '', id: field('id') ?? '', data: JSON.parse(data) as Received['data'] }];
}
