/** What is wrong before the first job runs: the service says all of it at once, says what to do, and ends with 2. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

function serve(env: Record<string, string>, uid?: number): { code: number | null; errors: string } {
  const result = spawnSync(process.execPath, [path.join(ROOT, 'service', 'main.ts'), 'serve'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, JOBSPOOL_PORT: '0', JOBSPOOL_JOBS: TROUBLE, NODE_COMPILE_CACHE: '', ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  return { code: result.status, errors: result.stderr };
}

test('every wrong variable is named in one message, with what was expected', (t) => {
  const wrong = {
    JOBSPOOL_RUNNERS: '0',
    JOBSPOOL_PORT: '99999',
    JOBSPOOL_BASE_PATH: 'jobs?',
    JOBSPOOL_READ_ONLY: 'perhaps',
    JOBSPOOL_RETRIES: '-1',
    JOBSPOOL_RETRY_DELAY: 'soon',
    JOBSPOOL_BACKOFF: 'linear',
    JOBSPOOL_TIMEOUT: '0',
    JOBSPOOL_SHUTDOWN_GRACE: 'x',
    JOBSPOOL_KILL_GRACE: 'x',
    JOBSPOOL_STALE: '1s',
    JOBSPOOL_SCAN: '0',
    JOBSPOOL_WATCH: 'magic',
    JOBSPOOL_DURABILITY: 'half',
    JOBSPOOL_KEEP_COMPLETED: 'x',
    JOBSPOOL_KEEP_FAILED: 'x',
    JOBSPOOL_KEEP_LOGS: 'x',
    JOBSPOOL_MIN_FREE: 'lots',
    JOBSPOOL_LOG_LEVEL: 'loud',
    JOBSPOOL_AUTH: 'maybe',
    JOBSPOOL_VIEWER_USER: 'a:b',
    JOBSPOOL_VIEWER_TOKEN_FILE: '/nowhere/token',
    JOBSPOOL_PASSWORD_FILE: '/nowhere/secret',
  };
  const { code, errors } = serve({ JOBSPOOL_DIR: path.join(tempFolder(t), 'spool'), ...wrong });
  assert.equal(code, 2);
  for (const name of Object.keys(wrong)) assert.match(errors, new RegExp(`^  ${name}: expected .*, got `, 'm'));
});

test('a server off loopback without a password is refused', (t) => {
  const { code, errors } = serve({ JOBSPOOL_DIR: path.join(tempFolder(t), 'spool'), JOBSPOOL_HOST: '0.0.0.0' });
  assert.equal(code, 2);
  assert.match(errors, /JOBSPOOL_HOST: "0\.0\.0\.0" is not loopback, so a JOBSPOOL_PASSWORD or JOBSPOOL_TOKEN is required/);
});

test('a spool of a newer version is refused and left as it is', (t) => {
  const spool = tempSpool(t);
  fs.writeFileSync(spool.version, '2\n');
  fs.rmdirSync(spool.pending);
  const { code, errors } = serve({ JOBSPOOL_DIR: spool.root });
  assert.equal(code, 2);
  assert.match(
    errors,
    /expected version 1 in .*, got "2"; the spool was written by a newer Jobspool: upgrade this one\. Nothing was changed\./,
  );
  assert.equal(fs.existsSync(spool.pending), false);
});

test('a spool on two file systems is refused', (t) => {
  const other = '/dev/shm';
  if (!fs.existsSync(other) || fs.statSync(other).dev === fs.statSync(tempFolder(t)).dev) {
    t.skip('SKIPPED: this machine has no second file system at /dev/shm to put incoming/ on');
    return;
  }
  const spool = tempSpool(t);
  const elsewhere = fs.mkdtempSync(path.join(other, 'jobspool-'));
  t.after(() => fs.rmSync(elsewhere, { recursive: true }));
  fs.rmdirSync(spool.incoming);
  fs.symlinkSync(elsewhere, spool.incoming);
  const { code, errors } = serve({ JOBSPOOL_DIR: spool.root });
  assert.equal(code, 2);
  assert.match(
    errors,
    /incoming is on another file system than .*tmp, and a rename is atomic only within one\. Mount the whole spool folder/,
  );
});

test('a spool that this user may not write is refused, with the user, the folder and the remedy', (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('SKIPPED: only root can start the service as another user');
    return;
  }
  const spool = tempSpool(t);
  fs.chmodSync(path.dirname(spool.root), 0o755);
  fs.chmodSync(spool.root, 0o755);
  const { code, errors } = serve({ JOBSPOOL_DIR: spool.root }, 65_534);
  assert.equal(code, 2);
  assert.match(
    errors,
    /EACCES: .*; (\S+) belongs to uid 0, gid 0, with the permissions \d+, and this is uid 65534 \(gid 65534, .*\): put that user into that group, or /,
  );
});

test('a missing allow-list and a broken one are refused, with every mistake', (t) => {
  const folder = tempFolder(t);
  const dir = path.join(folder, 'spool');
  const missing = serve({ JOBSPOOL_DIR: dir, JOBSPOOL_JOBS: path.join(folder, 'none.json') });
  assert.equal(missing.code, 2);
  assert.match(missing.errors, /read the allow-list: expected .*none\.json, found nothing there/);
  const file = path.join(folder, 'list.json');
  fs.writeFileSync(
    file,
    JSON.stringify({ A: { module: './a.js', methods: { x: { retries: 'many', timeouts: 5 } } }, B: { module: 5, methods: {} } }),
  );
  const broken = serve({ JOBSPOOL_DIR: dir, JOBSPOOL_JOBS: file });
  assert.equal(broken.code, 2);
  assert.match(broken.errors, /retries: expected number, got the text "many"/);
  assert.match(broken.errors, /timeouts/);
  assert.match(broken.errors, /B/);
});

test('a port that is taken is refused, with the variables to choose another', async (t) => {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  // An allow-list whose modules keep a thread alive must not keep the service from ending.
  const list = path.join(tempFolder(t), 'list.mjs');
  fs.writeFileSync(list, 'setInterval(() => undefined, 1000); export default {};');
  const { code, errors } = serve({ JOBSPOOL_DIR: path.join(tempFolder(t), 'spool'), JOBSPOOL_PORT: String(port), JOBSPOOL_JOBS: list });
  assert.equal(code, 2);
  assert.match(errors, /EADDRINUSE.*choose another with JOBSPOOL_HOST and JOBSPOOL_PORT/);
});
