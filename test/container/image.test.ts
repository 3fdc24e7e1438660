/** The image itself: what is in it, whom it runs as, and what it says to somebody who has set it up wrong. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { validate } from 'dockerfile-utils';
import { afterwards } from '../support/afterwards.ts';
import { builtImage, composed, docker, HARDENED, IMAGE, ROOT, skipsWithoutEngine, tried } from '../support/docker.ts';
import { tempFolder } from '../support/spool.ts';

const OVERLAYS = fs.readdirSync(path.join(ROOT, 'docker')).filter((name) => /^compose\..*\.yaml$/.test(name));

/** A volume of its own, gone after the test. */
async function volume(t: TestContext): Promise<string> {
  const name = path.basename(tempFolder(t, 'jobspool-volume-')).toLowerCase();
  await docker(['volume', 'create', name]);
  afterwards(t, async () => void (await tried(['volume', 'rm', '--force', name])));
  return name;
}

test('every Dockerfile is well-formed, and so is compose.yaml with each of its overlays', async (t) => {
  for (const file of ['Dockerfile', 'docker/derived/Dockerfile']) {
    const flaws = validate(fs.readFileSync(path.join(ROOT, file), 'utf8'));
    assert.deepEqual(
      flaws.map(({ range, message }) => `${file}:${range.start.line + 1} ${message}`),
      [],
    );
  }
  if (skipsWithoutEngine(t)) return;
  assert.ok(OVERLAYS.length >= 4);
  for (const chosen of [[], ...OVERLAYS.map((name) => [name]), OVERLAYS]) {
    const files = ['compose.yaml', ...chosen.map((name) => `docker/${name}`)].flatMap((name) => ['--file', path.join(ROOT, name)]);
    const { code, err } = await tried(['compose', '--project-directory', ROOT, ...files, 'config', '--quiet'], {
      JOBSPOOL_PASSWORD: 'hush',
      JOBSPOOL_METRICS_TOKEN: 'look',
    });
    assert.equal(code, 0, `${chosen.join(' ')}: ${err}`);
  }
  const lines = fs.readFileSync(path.join(ROOT, 'compose.yaml'), 'utf8').trim().split('\n');
  assert.ok(lines.length <= 40, `compose.yaml has ${lines.length} lines`);
});

test('the image runs as no root, and holds neither a package manager nor what only builds', async (t) => {
  if (skipsWithoutEngine(t)) return;
  await builtImage();
  const { Config: config } = JSON.parse(await docker(['image', 'inspect', '--format', '{{json .}}', IMAGE]));
  assert.equal(config.User, '10001:0');
  assert.deepEqual(config.Entrypoint.slice(0, 3), ['tini', '--', 'node']);
  assert.deepEqual(config.Healthcheck.Test, ['CMD', 'jobspool', 'health']);
  for (const label of ['title', 'version', 'licenses', 'revision']) assert.ok(config.Labels[`org.opencontainers.image.${label}`], label);
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  assert.equal(config.Labels['org.opencontainers.image.version'], version);
  const look = 'for tool in npm npx yarn corepack gcc make python3; do command -v $tool; done; ls /app/node_modules';
  const inside = await docker(['run', '--rm', ...HARDENED, '--network=none', '--entrypoint=sh', IMAGE, '-c', look]);
  assert.doesNotMatch(inside, /^\//m);
  assert.doesNotMatch(inside, /^(typescript|@biomejs|knip|playwright-core|node|fast-check)$/m);
  assert.match(inside, /^jobspool$/m);
  // What the sources import is there, and runs: each verb loads its own part.
  const said = await docker(['run', '--rm', ...HARDENED, '--network=none', IMAGE, '--version']);
  assert.equal(said.trim(), version);
});

test('any user of group 0 goes on with a volume that another began', async (t) => {
  if (skipsWithoutEngine(t)) return;
  await builtImage();
  const mounted = ['--volume', `${await volume(t)}:/data`, '--network=none'];
  const as = (user: string, ...args: string[]) => docker(['run', '--rm', ...HARDENED, '--user', user, ...mounted, IMAGE, ...args]);
  await as('10001:0', 'run', 'ExampleJob', 'execute', 'one', '--id', 'one');
  await as('10001:0', 'drain');
  await as('54321:0', 'run', 'ExampleJob', 'execute', 'two', '--id', 'two');
  await as('1000720000:0', 'drain');
  await as('10001:0', 'run', 'ExampleJob', 'execute', 'three', '--id', 'three');
  await as('10001:0', 'drain');
  for (const id of ['one', 'two', 'three']) assert.match(await as('54321:0', 'show', id), /completed/, id);
  assert.match(await as('54321:0', 'fsck'), /nothing is wrong/);
});

test('who sets it up wrong is told so in a sentence', async (t) => {
  if (skipsWithoutEngine(t)) return;
  await builtImage();
  const run = (...args: string[]) => tried(['run', '--rm', ...HARDENED, '--network=none', ...args]);
  const open = await run(IMAGE);
  assert.equal(open.code, 2);
  assert.match(open.err, /JOBSPOOL_HOST: "0\.0\.0\.0" is not loopback, so a JOBSPOOL_PASSWORD or JOBSPOOL_TOKEN is required/);

  const folder = tempFolder(t, 'jobspool-wrong-');
  fs.chmodSync(folder, 0o755);
  const spool = path.join(folder, 'spool');
  fs.mkdirSync(spool, { mode: 0o700 });
  const secret = path.join(folder, 'password');
  fs.writeFileSync(secret, 'hush', { mode: 0o600 });

  const foreign = await run('--user=54321:54321', '--volume', `${spool}:/data`, '--env=JOBSPOOL_PASSWORD=hush', IMAGE);
  assert.equal(foreign.code, 2);
  assert.match(foreign.err, /open the spool \/data: EACCES.* and this is uid 54321 \(gid 54321, .*\): .*(chgrp|chmod)/);

  // As an engine makes a folder that is missing: its owner's alone, and the image's user is of its group.
  fs.chmodSync(spool, 0o755);
  const gid = process.getgid?.() ?? 0;
  const mounted = await run(`--user=10001:${gid}`, '--volume', `${spool}:/data`, '--env=JOBSPOOL_PASSWORD=hush', IMAGE);
  assert.equal(mounted.code, 2);
  const remedy = `/data belongs to uid \\d+, gid ${gid}, with the permissions 755, .*: its owner or root can let the group in \\(chmod g\\+rwX /data\\)`;
  assert.match(mounted.err, new RegExp(remedy));

  const unread = await run(
    '--user=54321:54321',
    '--volume',
    `${secret}:/run/secrets/p:ro`,
    '--env=JOBSPOOL_PASSWORD_FILE=/run/secrets/p',
    IMAGE,
  );
  assert.equal(unread.code, 2);
  assert.match(
    unread.err,
    /JOBSPOOL_PASSWORD_FILE: expected a file that uid 54321 \(gid 54321, umask 022\) may read, got "\/run\/secrets\/p": EACCES/,
  );

  const { code, err } = await tried(['compose', '--project-directory', ROOT, '--env-file', '/dev/null', 'config', '--quiet'], {});
  assert.notEqual(code, 0);
  assert.match(err, /JOBSPOOL_PASSWORD=… into the file \.env/);

  const misspelt = path.join(folder, 'my-jbos');
  const { compose } = await composed(t, { jobs: misspelt });
  await assert.rejects(compose('up', '--detach', '--no-build'), /my-jbos/);
  assert.ok(!fs.existsSync(misspelt), 'the folder was made, and would be an empty allow-list');
});
