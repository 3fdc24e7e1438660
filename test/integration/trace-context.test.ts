/** A job belongs to the trace of whoever asked for it: in its handler, in the commands it runs, in the logs, in its record, at every attempt. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { runBackgroundJob, runBackgroundJobs, waitForJob } from '../../jobs/index.ts';
import { openSpool } from '../../spool/spool.ts';
import { runProgram } from '../support/program.ts';
import { linesUntil, serviceLog } from '../support/service-log.ts';
import { startService, tempFolder } from '../support/spool.ts';

const HANDLER = path.resolve(import.meta.dirname, '../../jobs/handler.ts');
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${SPAN}-01`;
const tracestate = 'vendor=value';

test('the trace of a request reaches handler, command, logs and record, through retries and in batches', async (t) => {
  const folder = tempFolder(t);
  const allowlist = path.join(folder, 'list.mjs');
  fs.writeFileSync(
    path.join(folder, 'tell.mjs'),
    `import { jobContext } from '${HANDLER}';
    export class Tell {
      trace() { const { traceparent, tracestate } = jobContext(); return { traceparent, tracestate }; }
      second() { if (jobContext().attempt === 1) throw new Error('not yet'); return this.trace(); }
    }`,
  );
  fs.writeFileSync(
    allowlist,
    `export default {
      Tell: { module: './tell.mjs', methods: { trace: {}, second: { retryDelay: '50ms', backoff: 'fixed' } } },
      Shell: { command: ['sh', '-c', 'printf \\'"%s %s"\\' "\${TRACEPARENT-none}" "\${TRACESTATE-none}" > "$JOBSPOOL_RESULT"'], methods: { handle: {} } },
    };`,
  );
  // The service may be part of a trace itself: that one is not its jobs'.
  const env = { TRACEPARENT: `00-${SPAN}${SPAN}-${SPAN}-01`, TRACESTATE: 'of=service' };
  const { dir } = await startService(t, { allowlist, env });
  const spool = openSpool(dir, { durability: 'none' });
  const options = { dir, durability: 'none' as const, traceparent, tracestate };
  const result = async (id: string) => (await waitForJob(id, { dir, timeout: '30s' })).result;

  assert.deepEqual(await result(await runBackgroundJob('Tell', 'trace', [], { ...options, id: 'once' })), { traceparent, tracestate });
  assert.deepEqual(await result(await runBackgroundJob('Tell', 'second', [], { ...options, id: 'again' })), { traceparent, tracestate });
  const ran = await runProgram(dir, ['run', 'Shell', '--id', 'shell', '--traceparent', traceparent, '--tracestate', tracestate, '--wait']);
  assert.equal(ran.code, 0, ran.err);
  assert.equal(await result('shell'), `${traceparent} ${tracestate}`);
  assert.equal(await result(await runBackgroundJob('Shell', 'handle', [], { dir, id: 'untraced' })), 'none none');
  const many = Array.from({ length: 120 }, (_, n) => ({
    class: 'Tell',
    method: 'trace',
    traceparent: `00-${TRACE}-${String(n + 1).padStart(16, '0')}-00`,
  }));
  const ids = await runBackgroundJobs(many, { dir, durability: 'none' });
  for (const at of [0, 63, 119]) assert.deepEqual(await result(ids[at] as string), { traceparent: many[at]?.traceparent });

  const status = await waitForJob('again', { dir });
  assert.deepEqual([status.traceparent, status.tracestate, status.attempts.length], [traceparent, tracestate, 2]);
  const lines = await linesUntil(spool, 'again', 'completed');
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['accepted', 'running', 'retrying', 'running', 'completed'],
  );
  for (const line of lines) assert.deepEqual([line.trace_id, line.span_id, line.trace_flags], [TRACE, SPAN, '01'], line.event);
  assert.ok(serviceLog(spool).every(({ id, trace_id }) => id !== 'untraced' || trace_id === undefined));
});
