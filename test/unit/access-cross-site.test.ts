import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Hono } from 'hono';
import type { Dashboard, Env } from '../../ui/dashboard.ts';
import { appOf, credentials, makeDashboard } from '../support/dashboard.ts';

async function poster(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard } = await makeDashboard(t, overrides);
  let posts = 0;
  const app = await appOf(dashboard, () =>
    new Hono<Env>()
      .post('/dashboard/pause', (context) => context.text(`post ${++posts}`))
      .get('/dashboard', (context) => context.text('page'))
      .post('/api/pause', (context) => context.json({})),
  );
  const post = (headers: Record<string, string>, path = '/dashboard/pause') => app.request(path, { method: 'POST', headers });
  return { app, post, posts: () => posts };
}

const OPEN: Partial<Dashboard> = { credentials: credentials({ auth: 'none' }) };

test('a page of ours may post, whatever stands between', async (t) => {
  const { post } = await poster(t, OPEN);
  const good: Record<string, Record<string, string>> = {
    'localhost or https': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'same-origin', Origin: 'http://localhost:8080' },
    'typed into the address bar': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'none' },
    'plain http on a LAN address': { Host: '192.168.1.5:8080', Origin: 'http://192.168.1.5:8080' },
    'plain http on a LAN name, in capitals': { Host: 'NAS.local:8080', Origin: 'http://nas.local:8080' },
    'an IPv6 address': { Host: '[fd00::5]:8080', Origin: 'http://[fd00::5]:8080' },
    'a TLS proxy that passes the name on': { Host: 'jobs.example', Origin: 'https://jobs.example' },
    'a TLS proxy that adds the port': { Host: 'jobs.example:443', Origin: 'https://jobs.example' },
    'a TLS proxy on another port': { Host: 'jobs.example:8443', Origin: 'https://jobs.example:8443' },
    'a TLS proxy that names itself': { Host: '127.0.0.1:8080', 'X-Forwarded-Host': 'jobs.example', Origin: 'https://jobs.example' },
    'two proxies': { Host: '127.0.0.1:8080', 'X-Forwarded-Host': 'jobs.example, inner', Origin: 'https://jobs.example' },
    'a TLS proxy, a browser of today': { Host: 'inner:8080', 'Sec-Fetch-Site': 'same-origin', Origin: 'https://jobs.example' },
    'curl and other programs': { Host: 'localhost:8080' },
  };
  for (const [what, headers] of Object.entries(good)) assert.equal((await post(headers)).status, 200, what);
});

test('a page of another site may not, and nothing is done', async (t) => {
  const { post, posts } = await poster(t, OPEN);
  const bad: Record<string, Record<string, string>> = {
    'another site': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
    'another site, whatever its origin says': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'cross-site', Origin: 'http://localhost:8080' },
    'another port of this computer': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:3000' },
    'a word that no browser sends': { Host: 'localhost:8080', 'Sec-Fetch-Site': 'SAME-ORIGIN' },
    'an empty word': { Host: 'localhost:8080', 'Sec-Fetch-Site': '', Origin: 'http://localhost:8080' },
    'on a LAN': { Host: '192.168.1.5:8080', Origin: 'https://evil.example' },
    'on a LAN, another port': { Host: '192.168.1.5:8080', Origin: 'http://192.168.1.5:3000' },
    'on a LAN, without a port': { Host: '192.168.1.5:8080', Origin: 'http://192.168.1.5' },
    'a name that begins like ours': { Host: 'jobs.example', Origin: 'https://jobs.example.evil.example' },
    'a name that ends like ours': { Host: 'jobs.example', Origin: 'https://evil-jobs.example' },
    'a user name like ours': { Host: 'jobs.example', Origin: 'https://jobs.example@evil.example' },
    'a sandboxed frame or a file': { Host: 'localhost:8080', Origin: 'null' },
    'an empty origin': { Host: 'localhost:8080', Origin: '' },
    'no address at all': { Host: 'jobs.example', Origin: 'jobs.example' },
    'another scheme': { Host: 'jobs.example', Origin: 'chrome-extension://jobs.example' },
    'an empty forwarded host': { Host: 'localhost:8080', 'X-Forwarded-Host': '', Origin: 'null' },
  };
  for (const [what, headers] of Object.entries(bad)) {
    assert.equal((await post(headers)).status, 403, what);
    assert.equal((await post(headers, '/api/pause')).headers.get('Content-Type'), 'application/problem+json', what);
  }
  assert.equal(posts(), 0);
});

test('the refusal says what was expected, what came, and what to do', async (t) => {
  const { post } = await poster(t, OPEN);
  const answer = await post({ Host: 'inner:8080', 'X-Forwarded-Host': 'outer.example', Origin: 'http://jobs.example:8081' }, '/api/pause');
  const { detail } = (await answer.json()) as { detail: string };
  assert.match(detail, /Expected an Origin on inner:8080 or outer\.example, got "http:\/\/jobs\.example:8081"/);
  assert.match(detail, /proxy_set_header Host \$http_host/);
  assert.match(detail, /Nothing was changed/);
});

test('what came is shown inert', async (t) => {
  const { post } = await poster(t, OPEN);
  const answer = await post({ Host: 'localhost:8080', Origin: 'http://<script>alert(1)</script>' });
  assert.equal(answer.status, 403);
  assert.doesNotMatch(await answer.text(), /<script>alert/);
});

test('another site may link to a page of ours', async (t) => {
  const { app } = await poster(t, OPEN);
  for (const method of ['GET', 'HEAD']) {
    const headers = { Host: 'localhost:8080', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' };
    assert.equal((await app.request('/dashboard', { method, headers })).status, 200, method);
  }
});

test('without a password only names of this computer are answered, or a page could make its own name point here', async (t) => {
  const { app, post } = await poster(t);
  for (const host of ['localhost', 'localhost:8080', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:8080', '127.1.2.3:9', '[::1]', '[::1]:8080']) {
    assert.equal((await app.request('/dashboard', { headers: { Host: host } })).status, 200, host);
  }
  for (const host of [
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1:8080.evil.example',
    'evil.example:80@localhost',
    '192.168.1.5:8080',
    '0.0.0.0:8080',
    '[::2]:8080',
    'localhost:8080x',
    'x\tlocalhost',
    '',
  ]) {
    const answer = await app.request('/dashboard', { headers: { Host: host } });
    assert.equal(answer.status, 421, host);
    assert.match(await answer.text(), /JOBSPOOL_PASSWORD.*JOBSPOOL_AUTH=none/);
    assert.equal((await post({ Host: host, 'Sec-Fetch-Site': 'same-origin' })).status, 421, host);
    assert.equal((await app.request('/healthz', { headers: { Host: host } })).status, 200, host);
  }
});

test('with a password, or when it is said aloud that none is wanted, any name will do', async (t) => {
  const headers = { Host: 'jobs.example', Authorization: 'Bearer secret' };
  const closed = await poster(t, { credentials: credentials({ token: 'secret' }) });
  assert.equal((await closed.app.request('/dashboard', { headers })).status, 200);
  const open = await poster(t, OPEN);
  assert.equal((await open.app.request('/dashboard', { headers: { Host: 'jobs.example' } })).status, 200);
});

test('a stranger is asked who they are before anything else is said', async (t) => {
  const { post } = await poster(t, { credentials: credentials({ token: 'secret' }) });
  assert.equal((await post({ Host: 'localhost:8080', 'Sec-Fetch-Site': 'cross-site' })).status, 401);
});
