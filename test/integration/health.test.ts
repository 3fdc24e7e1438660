/** `jobspool health`, which a container engine asks: 0 is well, anything else is not, and a sentence says why. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { acquireSlot } from '../../spool/lease.ts';
import { openSpool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { type Ran, runProgram } from '../support/program.ts';
import { startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

test('health asks the server that the same configuration starts: ready, not ready, not there', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_PASSWORD: 'hush', JOBSPOOL_BASE_PATH: '/jobs' } });
  const port = new URL(service.url() as string).port;
  const health = (...args: string[]) => runProgram(service.dir, ['health', '--port', port, '--base-path', '/jobs', ...args]);
  const isWell = async () => (await health()).code === 0;
  await waitFor(isWell, 'it to be well');
  // Where it listens on all addresses, it is asked on one of them.
  assert.deepEqual(await health('--host', '0.0.0.0'), { code: 0, out: 'ready\n', err: '' } satisfies Ran);
  fs.renameSync(path.join(service.dir, 'incoming'), path.join(service.dir, 'away'));
  const unready = await health();
  assert.equal(unready.code, 1);
  assert.match(unready.err, /^jobspool: not ready: the spool cannot be used: ENOENT.*incoming/);
  assert.equal((await health('--live')).code, 0);
  fs.renameSync(path.join(service.dir, 'away'), path.join(service.dir, 'incoming'));
  await service.stop();
  const gone = await health();
  assert.equal(gone.code, 1);
  assert.match(gone.err, new RegExp(`ask http://127.0.0.1:${port}/jobs/readyz: expected an answer, got .*ECONNREFUSED`));
});

test('health takes no other program for Jobspool', async (t) => {
  const { createServer } = await import('node:http');
  const stranger = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  afterwards(t, () => stranger.close());
  const { port } = stranger.address() as { port: number };
  const { code, err } = await runProgram(tempFolder(t), ['health', '--port', String(port)]);
  assert.equal(code, 1);
  assert.match(err, /expected the answer of a Jobspool, got something else/);
});

test('health --dispatcher finds in the spool whether a dispatcher of this machine works, without a server', async (t) => {
  const spool = tempSpool(t);
  const health = () => runProgram(spool.root, ['health', '--dispatcher'], { JOBSPOOL_STALE: '5s' });
  const absent = await health();
  assert.equal(absent.code, 1);
  assert.match(absent.err, /not ready: no dispatcher of this machine works on the spool/);
  const own = (kind: 'dispatcher' | 'runner', dispatcher?: string) =>
    acquireSlot(spool, { kind, dispatcher, staleMs: 5_000, onLost: () => assert.fail('the lease was lost') });
  const dispatcher = await own('dispatcher');
  afterwards(t, () => dispatcher.release());
  assert.match((await health()).err, /not ready: no runner is ready/);
  const runner = await own('runner', dispatcher.slot);
  afterwards(t, () => runner.release());
  assert.deepEqual(await health(), { code: 0, out: 'ready\n', err: '' } satisfies Ran);
  dispatcher.announceStop();
  assert.match((await health()).err, /not ready: the service is stopping/);
});

test('health --dispatcher is not content with a dispatcher that stands still, or is on another machine', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  const health = () => runProgram(service.dir, ['health', '--dispatcher'], { JOBSPOOL_STALE: '5s' });
  await waitFor(async () => (await health()).code === 0, 'it to be well');
  process.kill(service.pid, 'SIGSTOP');
  const { err } = await waitFor(async () => {
    const ran = await health();
    return ran.code === 1 ? ran : undefined;
  }, 'it to be noticed that the heart stands still');
  assert.match(err, /not ready: the dispatcher stands still: its last heartbeat was .* ago/);
  process.kill(service.pid, 'SIGCONT');
  await waitFor(async () => (await health()).code === 0, 'it to be well again');
  await service.stop();
  fs.writeFileSync(
    spool.holder('elsewhere-7'),
    JSON.stringify({ kind: 'dispatcher', host: 'elsewhere', pid: 7, processStart: '1', bootId: 'b', pidNamespace: 'n', since: '' }),
  );
  assert.match((await health()).err, /no dispatcher of this machine works/);
});
