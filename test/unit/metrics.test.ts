/** `/metrics`: what it counts and measures, who may read it, and what it costs. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { EventLog } from '../../jobs/event-log.ts';
import { logMove } from '../../jobs/log-move.ts';
import { jobFileName } from '../../spool/filename.ts';
import { jobOf } from '../../spool/job.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { credentials, makeDashboard } from '../support/dashboard.ts';
import { plant } from '../support/plant.ts';
import { tempSpool } from '../support/spool.ts';

const HANDLER = 'class="ExampleJob",method="execute"';

test('what others log since the service began is counted, by handler and outcome', async (t) => {
  const { scrape, log, end } = await measured(t);
  assert.equal(await value(scrape, `jobspool_jobs_finished_total{${HANDLER},outcome="completed"}`), 0);
  log.event('accepted', { id: 'a', class: 'ExampleJob', method: 'execute' }, 'accepted');
  log.event('accepted', { id: 'b', class: 'ExampleJob', method: 'execute', jobs: 40 }, 'accepted, a batch of 40 jobs');
  log.event('running', { id: 'a', class: 'ExampleJob', method: 'execute', waitMs: 700 }, 'running');
  end('a', { to: 'completed', outcome: 'completed' }, 20);
  end('b.1', { to: 'retrying', outcome: 'timed-out', runAt: Date.now() + 5_000 } as never, 2_000);
  end('b.2', { to: 'failed', outcome: 'crashed', why: 'it crashed 3 times' } as never, 90_000);
  log.event('cancelled', { id: 'b.3', class: 'ExampleJob', method: 'execute' }, 'cancelled before it ran');
  log.event('rejected', { id: 'c', class: 'Nobody', method: 'knows' }, 'rejected');
  const expected = {
    [`jobspool_jobs_accepted_total{${HANDLER}}`]: 41,
    [`jobspool_jobs_finished_total{${HANDLER},outcome="completed"}`]: 1,
    [`jobspool_jobs_finished_total{${HANDLER},outcome="failed"}`]: 1,
    [`jobspool_jobs_finished_total{${HANDLER},outcome="cancelled"}`]: 1,
    [`jobspool_attempts_total{${HANDLER},outcome="timed-out"}`]: 1,
    [`jobspool_attempts_total{${HANDLER},outcome="crashed"}`]: 1,
    [`jobspool_attempts_total{${HANDLER},outcome="cancelled"}`]: 0,
    [`jobspool_retries_total{${HANDLER}}`]: 1,
    jobspool_jobs_rejected_total: 1,
    [`jobspool_job_wait_seconds_bucket{le="0.5",${HANDLER}}`]: 0,
    [`jobspool_job_wait_seconds_bucket{le="1",${HANDLER}}`]: 1,
    // A crash says nothing about how long the handler takes.
    [`jobspool_job_run_seconds_count{${HANDLER}}`]: 2,
    jobspool_log_lag_seconds: 0,
  };
  const text = await scrape();
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((series) => [series, valueIn(text, series)])), expected);
});

test('what was logged before the service began is not counted again', async (t) => {
  const spool = tempSpool(t);
  const before = new EventLog(spool);
  before.event('completed', { id: 'a', class: 'ExampleJob', method: 'execute', durationMs: 1 }, 'completed');
  before.close();
  const { scrape } = await measured(t, { spool });
  assert.equal(await value(scrape, `jobspool_jobs_finished_total{${HANDLER},outcome="completed"}`), 0);
});

test('nobody makes time series by what they drop or log: labels are what is on the allow-list, and no id is one', async (t) => {
  const { scrape, log } = await measured(t);
  const before = seriesIn(await scrape());
  for (let n = 0; n < 50; n++) {
    log.event('completed', { id: `unique-${n}`, class: `Class${n}`, method: `m${n}`, durationMs: 1 }, 'completed');
    log.event('failed', { id: `unique-${n}`, class: 'ExampleJob', method: 'execute', durationMs: 1, outcome: `odd-${n}` }, 'failed');
    log.event('rejected', { id: `unique-${n}`, class: `Class${n}`, method: 'constructor' }, 'rejected');
  }
  const text = await scrape();
  assert.equal(valueIn(text, 'jobspool_jobs_finished_total{class="other",method="other",outcome="completed"}'), 50);
  assert.doesNotMatch(text, /unique-|Class\d|odd-|constructor/);
  assert.ok(seriesIn(text) - before < 60, `${seriesIn(text) - before} new time series`);
});

test('a log that lacks transitions is not counted as if nothing happened', async (t) => {
  const { scrape } = await measured(t, { logsEvents: false });
  assert.doesNotMatch(await scrape(), /_finished_total|_accepted_total/);
});

test('it tells what waits, who works and what room is left', async (t) => {
  const { scrape, spool } = await measured(t, { readiness: async () => ['no runner is ready'] });
  plant(spool, 'pending', { id: 'due', class: 'ExampleJob', method: 'execute', params: [], runAt: Date.now() - 90_000 });
  plant(spool, 'pending', { id: 'later', class: 'ExampleJob', method: 'execute', params: [], runAt: Date.now() + 90_000 });
  spool.disk.create(spool.paused, '', false);
  const text = await scrape();
  assert.equal(valueIn(text, 'jobspool_jobs{state="pending"}'), 1);
  assert.equal(valueIn(text, 'jobspool_jobs{state="scheduled"}'), 1);
  assert.equal(valueIn(text, 'jobspool_ready'), 0);
  assert.equal(valueIn(text, 'jobspool_paused'), 1);
  assert.equal(valueIn(text, 'jobspool_runner_slots{state="busy"}'), 0);
  const age = valueIn(text, 'jobspool_oldest_pending_age_seconds') as number;
  assert.ok(age >= 0 && age < 200, `${age} s`);
  const [size, used, free] = ['size', 'used', 'free'].map((what) => valueIn(text, `jobspool_spool_${what}_bytes`) as number);
  assert.ok((free as number) > 0 && (size as number) >= (free as number) && (used as number) >= 0, `${size} ${used} ${free}`);
  assert.ok((valueIn(text, 'process_cpu_seconds_total') as number) > 0);
  assert.match(text, /jobspool_build_info\{version="0\.0\.0-test",node_version="\d+/);
});

test('that the service is not ready is told also where what keeps it from working keeps us from counting', async (t) => {
  let reasons: string[] = [];
  const real = tempSpool(t);
  const room = (folder: string) => (reasons.length === 0 ? real.disk.room(folder) : assert.fail('EIO: i/o error, statfs'));
  const spool = { ...real, disk: { ...real.disk, room } };
  const { scrape } = await measured(t, { spool, readiness: async () => reasons });
  const before = await scrape();
  assert.equal(valueIn(before, 'jobspool_ready'), 1);
  reasons = ['the spool cannot be used: EIO'];
  const text = await scrape();
  assert.equal(valueIn(text, 'jobspool_ready'), 0);
  assert.equal(valueIn(text, 'jobspool_spool_size_bytes'), valueIn(before, 'jobspool_spool_size_bytes'));
});

test('a stranger learns nothing, a viewer’s token is enough, and a refusal is for programs', async (t) => {
  const { app } = await makeDashboard(t, { credentials: credentials({ password: 'secret', viewerToken: 'looking' }) });
  const refused = await app.request('/metrics');
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('Content-Type') ?? '', /problem\+json/);
  assert.doesNotMatch(await refused.text(), /jobspool_/);
  const told = await app.request('/metrics', { headers: { Authorization: 'Bearer looking' } });
  assert.equal(told.status, 200);
  assert.match(told.headers.get('Content-Type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.match(await told.text(), /^jobspool_ready 1$/m);
});

test('a scrape opens and looks at no file of the backlog', async (t) => {
  const real = tempSpool(t);
  const runAt = Date.now() - 60_000;
  for (let n = 0; n < 3_000; n++) real.disk.create(`${real.pending}/${jobFileName({ priority: 5, runAt, id: `j${n}` })}`, '{}', false);
  const touched: string[] = [];
  const watched = new Proxy(real.disk, {
    get(disk, name) {
      const call = disk[name as keyof typeof disk] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        touched.push(`${String(name)} ${String(args[0])}`);
        return call.apply(disk, args);
      };
    },
  });
  const { scrape } = await measured(t, { spool: { ...real, disk: watched } as Spool });
  assert.equal(valueIn(await scrape(), 'jobspool_jobs{state="pending"}'), 3_000);
  const looks = touched.filter((call) => call.includes(`${real.pending}/`));
  assert.ok(looks.length < 20, `${looks.length} looks at files that wait, such as ${looks[0]}`);
  assert.ok(touched.length < 200, `${touched.length} calls of the disk`);
});

async function measured(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { app, spool } = await makeDashboard(t, overrides);
  const log = new EventLog(spool);
  t.after(() => log.close());
  // The application is loaded with its first request.
  await app.request('/healthz');
  const scrape = async () => {
    const response = await app.request('/metrics');
    assert.equal(response.status, 200);
    return response.text();
  };
  const end = (id: string, move: Parameters<typeof logMove>[3], ranMs: number) => {
    const job = jobOf(jobFileName({ priority: 5, runAt: Date.now(), id }), { class: 'ExampleJob', method: 'execute', params: [] });
    const error = { name: 'Error', message: 'of the test' };
    const how =
      move.to === 'completed' ? ({ kind: 'completed' } as const) : ({ kind: 'failed', error, permanent: false, names: [] } as const);
    logMove(log, job, how, move, { startedAt: Date.now() - ranMs, finishedAt: Date.now(), runner: 'host-1', ranMs });
  };
  return { scrape, spool, log, end };
}

const value = async (scrape: () => Promise<string>, series: string) => valueIn(await scrape(), series);

function valueIn(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const seriesIn = (text: string): number => text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
