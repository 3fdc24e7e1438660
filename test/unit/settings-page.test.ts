import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { settingsPages } from '../../ui/pages/settings.ts';
import { held } from '../../ui/views/settings.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';

async function settings(t: TestContext, overrides: Partial<Dashboard> = {}): Promise<{ text: string; root: string }> {
  const { dashboard, spool } = await makeDashboard(t, overrides);
  const answer = await (await appOf(dashboard, settingsPages)).request('/dashboard/settings');
  assert.equal(answer.status, 200);
  return { text: await answer.text(), root: spool.root };
}

test('every allowed handler is there with what it runs, its policy as written and as it holds', async (t) => {
  const { text } = await settings(t);
  const row = /<tr><th[^>]*>FetchUrl\.head<.*?<\/tr>/s.exec(text)?.[0] ?? assert.fail('FetchUrl.head is missing');
  assert.match(row, /\.\/examples\/fetch-url\.ts/);
  assert.match(row, /retries: 5, retryDelay: 2s, backoff: exponential, timeout: 30s, maxDelay: 1m/);
  assert.match(row, /5 retries, after 2s and twice as long each time, up to 1m; stopped after 30s/);
  assert.match(row, /<details><summary>schema<\/summary><pre class="code" tabindex="0">\{/);
});

test('a policy reads as a sentence, whatever is in it', () => {
  assert.equal(held({ ...DEFAULT_POLICY, retries: 0 }), 'no retry; stopped after 1h');
  assert.equal(
    held({ ...DEFAULT_POLICY, retries: 1, backoff: 'fixed', retryDelayMs: 90_000 }),
    '1 retry, each after 1m 30s; stopped after 1h',
  );
  assert.match(
    held({ ...DEFAULT_POLICY, retryOn: ['Busy'], noRetryOn: ['ENOSPC', 'EIO'] }),
    /; only for Busy; never for ENOSPC, EIO; stopped/,
  );
});

test('the configuration says where each value came from, and shows no secret', async (t) => {
  const { text, root } = await settings(t);
  const row = (name: string) => new RegExp(`<tr id="setting-${name}">.*?</tr>`, 's').exec(text)?.[0] ?? assert.fail(`${name} is missing`);
  assert.ok(row('JOBSPOOL_DIR').includes(root));
  assert.match(row('JOBSPOOL_DIR'), /environment/);
  assert.match(row('JOBSPOOL_PASSWORD'), /••••••.*secret file/s);
  assert.match(row('JOBSPOOL_RUNNERS'), /default/);
});

test('what is kept, the versions, the spool and its free space are there', async (t) => {
  const kept = [{ name: 'JOBSPOOL_KEEP_COMPLETED', value: '7d', source: 'default' as const, means: 'How long `completed` jobs are kept.' }];
  const { text, root } = await settings(t, { settings: kept, version: '1.2.3' });
  assert.match(text, /<dt>Completed jobs<\/dt><dd>7d/);
  assert.match(text, /How long <code>completed<\/code> jobs are kept\./);
  assert.ok(text.includes('1.2.3') && text.includes(process.version) && text.includes(root));
  assert.match(text, /<dt>Disk free<\/dt><dd>[\d.]+ [KMGT]iB <span class="muted">\(under 50 MiB nothing is accepted or run\)/);
});

test('an empty allow-list is said to be one', async (t) => {
  const { text } = await settings(t, { allowlist: [], settings: [] });
  assert.match(text, /Nothing is on the allow-list: every request is rejected\./);
});

test('names and schemas of the allow-list are text and nothing else', async (t) => {
  const hostile = '<script>alert(1)</script>';
  const methods = [{ method: hostile, policy: { retryOn: [hostile] }, params: { description: hostile } }];
  const { text } = await settings(t, { allowlist: [{ class: hostile, runs: hostile, methods }] });
  assert.doesNotMatch(text, /<script>/);
});
