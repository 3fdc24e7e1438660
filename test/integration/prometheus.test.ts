/** What somebody sees who watches the service with Prometheus: the shipped configuration, the alert rules and Grafana's dashboard, tried with the real thing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { openSpool } from '../../spool/spool.ts';
import { PROMETHEUS_FOLDER, type Prometheus, promtool, skipsWithoutPrometheus, startPrometheus } from '../support/prometheus.ts';
import { startServer } from '../support/server.ts';
import { dropFile, startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const ALERTS = fs.readFileSync(path.join(PROMETHEUS_FOLDER, 'alerts.yml'), 'utf8');
const TOKEN = 'looking';
const CREDENTIALS = { JOBSPOOL_PASSWORD: 'secret', JOBSPOOL_VIEWER_TOKEN: TOKEN };

test('each alert fires for what it is made for and is silent about what is well, as promtool finds', (t) => {
  if (skipsWithoutPrometheus(t)) return;
  const alerts = [...ALERTS.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  assert.match(promtool(['check', 'rules', 'alerts.yml']), new RegExp(`SUCCESS: ${alerts.length} rules found`));
  assert.match(promtool(['test', 'rules', 'alerts.test.yml']), /SUCCESS/);
  promtool(['check', 'config', '--syntax-only', 'prometheus.yml']);
  const cases = fs.readFileSync(path.join(PROMETHEUS_FOLDER, 'alerts.test.yml'), 'utf8');
  for (const alert of alerts)
    for (const how of ['fires', 'is silent']) assert.ok(cases.includes(`- name: ${alert} ${how}\n`), `${alert} ${how}`);
});

test('Prometheus scrapes the service as it is configured, and finds what its jobs did', async (t) => {
  if (skipsWithoutPrometheus(t)) return;
  const service = await startService(t, { allowlist: TROUBLE, env: CREDENTIALS });
  const spool = openSpool(service.dir, { durability: 'none' });
  const base = service.url() as string;
  const prometheus = await startPrometheus(t, new URL(base).host, TOKEN);
  await waitFor(() => is(prometheus, 'up{job="jobspool"}', 1), 'the first scrape', { timeoutMs: 60_000 });
  for (let n = 0; n < 25; n++) dropFile(spool, `p5-now-done-${n}.json`, { class: 'Trouble', method: 'noop' });
  dropFile(spool, 'p5-now-bad.json', { class: 'Trouble', method: 'fail', params: ['no'], retries: 1, retryDelay: '100ms' });
  dropFile(spool, 'p5-now-odd.json', { class: 'Nobody' });
  const ended = (outcome: string) => `sum(jobspool_jobs_finished_total{class="Trouble", outcome="${outcome}"})`;
  await waitFor(() => is(prometheus, ended('completed'), 25), '25 completed jobs', { timeoutMs: 60_000 });
  await waitFor(() => is(prometheus, ended('failed'), 1), 'the failed job');
  for (const [expression, wanted] of Object.entries({
    'sum(jobspool_jobs_accepted_total)': 26,
    'jobspool_retries_total{class="Trouble", method="fail"}': 1,
    jobspool_jobs_rejected_total: 1,
    'jobspool_jobs{state="completed"}': 25,
    'jobspool_jobs{state="rejected"}': 1,
    'sum(jobspool_job_run_seconds_count)': 27,
    'sum(jobspool_job_wait_seconds_count)': 27,
    'sum(jobspool_runner_slots{state=~"busy|idle"})': 2,
    jobspool_dispatchers: 1,
    jobspool_ready: 1,
  }))
    await waitFor(() => is(prometheus, expression, wanted), `${expression} to be ${wanted}`);
  const text = await (await fetch(`${base}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } })).text();
  promtool(['check', 'metrics'], text);
  await understandsAll(prometheus, text);
});

test('jobspool ui has the metrics of the spool, whoever serves it', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  const output = await startServer(t, [process.execPath, 'service/main.ts', 'ui'], (printed) => printed.includes('dashboard started'), {
    cwd: ROOT,
    env: { ...process.env, JOBSPOOL_DIR: service.dir, JOBSPOOL_JOBS: TROUBLE, JOBSPOOL_PORT: '0' },
    timeoutMs: 60_000,
  });
  const base = /http:\/\/[^\s/"]+/.exec(output)?.[0];
  dropFile(spool, 'p5-now-a.json', { class: 'Trouble', method: 'noop' });
  const scrape = async () => (await fetch(`${base}/metrics`)).text();
  await waitFor(
    async () => /^jobspool_jobs_finished_total\{.*"noop",outcome="completed"\} 1$/m.test(await scrape()),
    'the job to be counted',
  );
  assert.match(await scrape(), /^jobspool_dispatchers 1$/m);
});

const is = async (prometheus: Prometheus, expression: string, wanted: number): Promise<boolean> =>
  (await prometheus.query(expression))[0]?.value === wanted;

/** Every expression of the alerts and of Grafana's dashboard is one, and asks only for what is there. */
async function understandsAll(prometheus: Prometheus, text: string): Promise<void> {
  const { panels } = JSON.parse(fs.readFileSync(path.join(ROOT, 'docker/grafana/dashboards/jobspool.json'), 'utf8')) as Board;
  const shown = panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replace(/\$__rate_interval/g, '1m').replace(/\$\w+/g, '.*')),
  );
  const alerted = [...ALERTS.matchAll(/expr: (?:\|\n)?((?:.+)(?:\n {10}.+)*)/g)].map(([, expression]) => expression as string);
  assert.ok(shown.length > 20 && alerted.length > 10, `${shown.length} and ${alerted.length} expressions`);
  for (const expression of [...shown, ...alerted]) {
    await prometheus.query(expression);
    for (const [name] of expression.matchAll(/\b(jobspool|process)_\w+/g)) {
      assert.ok(new RegExp(`^${name}[ {]`, 'm').test(text), `${expression} asks for ${name}, which /metrics does not have`);
    }
  }
}

type Board = { panels: { targets: { expr: string }[] }[] };
