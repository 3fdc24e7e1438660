import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Hono } from 'hono';
import { accessControl } from '../../ui/access/control.ts';
import type { Credentials } from '../../ui/access/credentials.ts';
import { type Remote, remoteOf } from '../../ui/access/remote.ts';
import { Throttle } from '../../ui/access/throttle.ts';
import type { Env } from '../../ui/dashboard.ts';
import { credentials, makeDashboard } from '../support/dashboard.ts';

/** A dashboard that is asked from `peer`, at a time that only `later` moves. */
async function guarded(t: TestContext, given: Partial<Credentials> = { user: 'ann', password: 'right', token: 'secret' }) {
  const { dashboard, journal } = await makeDashboard(t, { credentials: credentials(given) });
  let now = Date.parse('2026-11-22T10:00:00Z');
  const app = new Hono<Env>();
  app.use(accessControl(dashboard, () => now));
  app.get('/dashboard', (context) => context.text(context.get('who')));
  const ask = async (authorization: string | undefined, peer = '192.0.2.1', headers: Record<string, string> = {}) => {
    const init = { headers: { ...(authorization === undefined ? {} : { Authorization: authorization }), ...headers } };
    return await app.request('/dashboard', init, { incoming: { socket: { remoteAddress: peer } } });
  };
  const later = (ms: number): void => {
    now += ms;
  };
  return { ask, journal, later };
}

const basic = (name: string, password: string): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const RIGHT = basic('ann', 'right');
const WRONG = basic('ann', 'wrong');

async function times(count: number, ask: () => Promise<Response>): Promise<number[]> {
  const statuses: number[] = [];
  for (let done = 0; done < count; done += 1) statuses.push((await ask()).status);
  return statuses;
}

test('after ten wrong passwords in a minute even the right one waits, or a guesser would know it by that', async (t) => {
  const { ask, later } = await guarded(t);
  assert.deepEqual(await times(10, () => ask(WRONG)), Array(10).fill(401));
  const refused = await ask(WRONG);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('Retry-After'), '6');
  assert.equal((await ask(RIGHT)).status, 429);
  later(6_000);
  assert.equal(await (await ask(RIGHT)).text(), 'ann');
  assert.equal((await ask(WRONG)).status, 401);
  assert.equal((await ask(WRONG)).status, 429);
});

test('asking while one must wait does not make the wait longer', async (t) => {
  const { ask, later } = await guarded(t);
  await times(10, () => ask(WRONG));
  assert.deepEqual(await times(50, () => ask(WRONG)), Array(50).fill(429));
  later(6_000);
  assert.equal((await ask(RIGHT)).status, 200);
});

test('people who mistype now and then, sign in, or open the page unsigned are never told to wait', async (t) => {
  const { ask, later } = await guarded(t);
  for (let round = 0; round < 40; round += 1) {
    assert.deepEqual(await times(3, () => ask(WRONG)), [401, 401, 401]);
    assert.deepEqual(await times(5, () => ask(RIGHT)), Array(5).fill(200));
    assert.deepEqual(await times(20, () => ask(undefined)), Array(20).fill(401));
    later(20_000);
  }
});

test('a guesser does not lock out other addresses', async (t) => {
  const { ask } = await guarded(t);
  await times(20, () => ask(WRONG, '192.0.2.1'));
  assert.equal((await ask(RIGHT, '192.0.2.1')).status, 429);
  assert.equal((await ask(RIGHT, '192.0.2.2')).status, 200);
});

test('a program with an old token does not lock out the people at the same address', async (t) => {
  const { ask } = await guarded(t);
  await times(300, () => ask('Bearer old'));
  assert.equal((await ask('Bearer secret')).status, 429);
  assert.equal((await ask(RIGHT)).status, 200);
});

test('a guesser behind the proxy does not lock out the people behind it', async (t) => {
  const { ask } = await guarded(t);
  await times(300, () => ask(WRONG, '10.0.0.1', { 'X-Forwarded-For': '203.0.113.5' }));
  assert.equal((await ask(RIGHT, '10.0.0.1', { 'X-Forwarded-For': '203.0.113.5' })).status, 429);
  assert.equal((await ask(RIGHT, '10.0.0.1', { 'X-Forwarded-For': '203.0.113.6' })).status, 200);
  // What the client wrote itself stands before what the proxy added.
  assert.equal((await ask(RIGHT, '10.0.0.1', { 'X-Forwarded-For': '203.0.113.6, 203.0.113.5' })).status, 429);
});

test('made-up forwarded addresses and user names give a guesser a hundred guesses a minute, and no more', async (t) => {
  const { ask } = await guarded(t);
  const statuses: number[] = [];
  for (let count = 0; count < 150; count += 1) {
    statuses.push((await ask(basic(`user-${count}`, 'x'), '192.0.2.1', { 'X-Forwarded-For': `203.0.113.${count}` })).status);
  }
  assert.deepEqual(statuses, [...Array(100).fill(401), ...Array(50).fill(429)]);
});

test('all addresses of one IPv6 customer count as one, and IPv4 in IPv6 as itself', async (t) => {
  const { ask } = await guarded(t);
  for (let count = 0; count < 10; count += 1) await ask(WRONG, `2001:db8:1:2::${count.toString(16)}`);
  assert.equal((await ask(RIGHT, '2001:db8:1:2:ffff::1')).status, 429);
  assert.equal((await ask(RIGHT, '2001:db8:1:3::1')).status, 200);
  await times(10, () => ask(WRONG, '::ffff:192.0.2.7'));
  assert.equal((await ask(RIGHT, '192.0.2.7')).status, 429);
});

test('the port that a proxy adds makes no new address', async () => {
  const app = new Hono().get('/', (context) => context.json(remoteOf(context)));
  const forwardedFor = async (text: string) => {
    const answer = await app.request('/', { headers: { 'X-Forwarded-For': text } });
    return ((await answer.json()) as { forwardedFor?: string }).forwardedFor;
  };
  assert.equal(await forwardedFor('192.0.2.1:4711'), '192.0.2.1');
  assert.equal(await forwardedFor('[2001:db8::1]:4711'), '2001:db8:0:0::/64');
  assert.equal(await forwardedFor('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(await forwardedFor('::1'), '0:0:0:0::/64');
  assert.equal(await forwardedFor('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(await forwardedFor('unknown'), 'unknown');
  assert.equal(await forwardedFor(' , '), undefined);
  assert.equal((await forwardedFor('x'.repeat(5_000)))?.length, 64);
});

test('an attack fills neither the log nor the memory', async (t) => {
  const { journal } = await makeDashboard(t);
  const throttle = new Throttle(journal);
  const [first, last] = ['first', 'last'].map((peer) => ({ peer, forwardedFor: undefined })) as [Remote, Remote];
  const guess = (remote: Remote, now: number) => {
    for (let count = 0; count < 10; count += 1) throttle.failed(remote, 'a token', now);
  };
  guess(first, 1_000);
  assert.equal(throttle.waitSeconds(first, 'a token', 1_000), 6);
  for (let count = 0; count < 20_000; count += 1) throttle.failed({ peer: `peer ${count}`, forwardedFor: undefined }, 'a token', 1_000);
  assert.equal(journal.lines.length, 20);
  throttle.failed({ peer: 'another', forwardedFor: undefined }, 'a token', 61_000);
  assert.equal(journal.lines.length, 22);
  assert.equal(journal.lines[20]?.text, '19990 more sign-ins failed');
  // Whoever failed longest ago is forgotten, whoever failed just now is known.
  assert.equal(throttle.waitSeconds(first, 'a token', 1_000), 0);
  guess(last, 61_000);
  assert.equal(throttle.waitSeconds(last, 'a token', 61_000), 6);
});

test('the log says for whom a proxy forwarded, inert', async (t) => {
  const { ask, journal } = await guarded(t);
  await ask(WRONG, '10.0.0.1', { 'X-Forwarded-For': 'evil"' });
  assert.equal(
    journal.lines[0]?.text,
    'a sign-in as the user "ann" from 10.0.0.1, which forwards for evil" failed: the password or the token is wrong',
  );
});
