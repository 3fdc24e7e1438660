/** The package as others get it: packed, installed in projects of their own, used from JavaScript and TypeScript on the oldest and newest Node. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TSC = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** Every `node` there is to run it on: the one that runs this test, and those on PATH outside this project. */
function nodes(): string[] {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => !folder.includes('node_modules'));
  const found = folders.map((folder) => path.join(folder, 'node')).filter((file) => fs.existsSync(file));
  const byVersion = new Map(
    [process.execPath, ...found].map((file) => [execFileSync(file, ['--version'], { encoding: 'utf8' }).trim(), file]),
  );
  return [...byVersion.values()];
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', [...args, '--silent'], {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' },
  });
}

/** A project with the packed package installed. */
function install(t: TestContext): string {
  const folder = tempFolder(t);
  const copy = path.join(folder, 'pack');
  // What is built and packed is a copy: a build in the project itself would meet other people's.
  fs.mkdirSync(copy);
  const sources = [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'spool',
    'jobs',
    'ui',
    'service',
  ];
  for (const name of sources) fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'), 'junction');
  npm(copy, 'run', 'build');
  npm(copy, 'pack', '--ignore-scripts', '--pack-destination', folder);
  const tarball = fs.readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? assert.fail('npm pack left no tarball');
  const project = path.join(folder, 'project');
  fs.mkdirSync(project);
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
  npm(project, 'install', '--ignore-scripts', '--prefer-offline', '--no-package-lock', path.join(folder, tarball));
  return project;
}

/** Starts the installed service on a port of its own; gives the address. It ends with the test. */
async function serve(t: TestContext, project: string): Promise<string> {
  const bin = fs.realpathSync(path.join(project, 'node_modules', '.bin', 'jobspool'));
  const child = spawn(process.execPath, [bin, 'serve', '--port', '0', '--jobs', 'list.json', '--runners', '1', '--dir', 'served'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: path.join(project, 'compiled') },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const url = () => /"url":"([^"]+)"/.exec(output)?.[1];
  return waitFor(() => (child.exitCode === null ? url() : assert.fail(`the service ended:\n${output}`)), 'the address', {
    timeoutMs: 20_000,
  });
}

const PROGRAM = `
import { runBackgroundJob, runBackgroundJobs, jobStatus, cancelJob, PermanentError } from 'jobspool';
class Report { build(year) { return year; } }
const id = await runBackgroundJob(Report, 'build', [2026], { priority: 8, delay: '1h', id: process.argv[2] });
const ids = await runBackgroundJobs([{ class: 'Report', method: 'build', params: [1] }, { class: Report, priority: 9 }]);
await cancelJob(id);
const status = await jobStatus(id);
console.log(JSON.stringify({ id, ids: ids.length, state: status.state, class: status.class, params: status.params, permanent: new PermanentError('x').name }));
`;

function typeErrors(project: string, source: string): string {
  fs.writeFileSync(path.join(project, 'use.ts'), source);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--skipLibCheck',
    'false',
    '--types',
    'node',
    '--typeRoots',
    path.join(ROOT, 'node_modules', '@types'),
  ];
  return spawnSync(process.execPath, [TSC, ...options, 'use.ts'], { cwd: project, encoding: 'utf8' }).stdout;
}

test('the helper of the installed package works from JavaScript and TypeScript, on every Node there is', {
  timeout: 300_000,
}, async (t) => {
  const project = install(t);

  await t.test('nothing but what users need is in the package', () => {
    const files = fs.readdirSync(path.join(project, 'node_modules', 'jobspool'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      files.filter((name) => /(^|\/)(test|examples|allowlist\.)/.test(name)),
      [],
    );
    assert.deepEqual(
      files.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts')),
      [],
    );
    for (const needed of [
      'dist/jobs/index.js',
      'dist/jobs/index.d.ts',
      'dist/service/main.js',
      'dist/jobs/runner.js',
      'dist/jobs/watchdog.js',
      'dist/service/dashboard-thread.js',
      'jobs/commands/php/run-class.php',
      'jobs/commands/laravel/worker.php',
      'dist/ui/assets/app.css',
      'dist/ui/assets/app.js',
      'dist/ui/assets/icon.svg',
      'spool/request.schema.json',
      'spool/conformance/producers.json',
    ]) {
      assert.ok(files.includes(path.normalize(needed)), `${needed} is missing`);
    }
  });

  for (const node of nodes()) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    await t.test(`a job enqueued from JavaScript on Node ${version} is a file in the spool, and its status is read`, () => {
      fs.writeFileSync(path.join(project, 'use.mjs'), PROGRAM);
      const spool = path.join(project, `spool-${version}`);
      const printed = execFileSync(node, ['use.mjs', `job-${version}`], {
        cwd: project,
        encoding: 'utf8',
        env: { ...process.env, JOBSPOOL_DIR: spool },
      });
      assert.deepEqual(JSON.parse(printed), {
        id: `job-${version}`,
        ids: 2,
        state: 'scheduled',
        class: 'Report',
        params: [2026],
        permanent: 'PermanentError',
      });
      const names = fs.readdirSync(path.join(spool, 'incoming'));
      assert.equal(names.length, 3);
      assert.ok(
        names.some((name) => name.startsWith('p8-2') && name.endsWith(`-job-${version}.json`)),
        names.join(),
      );
      assert.deepEqual(fs.readdirSync(path.join(spool, 'cancel')), [`job-${version}`]);
    });
  }

  await t.test('the conformance kit of the package tries a producer and a service, on every Node there is', () => {
    const kit = path.join(project, 'node_modules', 'jobspool', 'dist', 'spool', 'conformance', 'run.js');
    const producer = path.join(project, 'node_modules', 'jobspool', 'spool', 'producers', 'jobspool-submit.sh');
    const service = [process.execPath, fs.realpathSync(path.join(project, 'node_modules', '.bin', 'jobspool')), 'serve'];
    for (const node of nodes()) {
      const tried = (...args: string[]) => spawnSync(node, [kit, ...args], { cwd: project, encoding: 'utf8' }).stdout;
      assert.match(tried('producer', '--only', 'a class alone', '--', 'sh', producer), /^1 kept, 0 broken, 0 skipped$/m);
      assert.match(tried('consumer', '--only', 'the handler gets', '--', ...service), /^1 kept, 0 broken, 0 skipped$/m);
    }
  });

  await t.test('the command line starts from the installed package', () => {
    const bin = path.join(project, 'node_modules', '.bin', 'jobspool');
    const { status, stdout, stderr } = spawnSync(process.execPath, [fs.realpathSync(bin), '--help'], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, NODE_COMPILE_CACHE: path.join(project, 'compiled') },
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /serve/);
  });

  await t.test('the service of the installed package serves its dashboard, with style and script', async (t) => {
    fs.writeFileSync(path.join(project, 'list.json'), JSON.stringify({ Report: { command: ['true'], methods: { build: {} } } }));
    const base = await serve(t, project);
    const page = await fetch(`${base}/dashboard`);
    const text = await page.text();
    assert.equal(page.status, 200, text);
    for (const [file, type] of [
      ['app.css', 'text/css'],
      ['app.js', 'text/javascript'],
      ['htmx.js', 'text/javascript'],
      ['icon.svg', 'image/svg+xml'],
    ] as const) {
      const address = new RegExp(`"(/assets/[^"]+/${file})"`).exec(text)?.[1] ?? assert.fail(`the page loads no ${file}:\n${text}`);
      const asset = await fetch(base + address);
      assert.equal(asset.status, 200, address);
      assert.ok(asset.headers.get('content-type')?.startsWith(type), `${address}: ${asset.headers.get('content-type')}`);
      assert.ok((await asset.text()).length > 100, `${address} is as good as empty`);
    }
  });

  await t.test('a TypeScript project gets the types, and its mistakes are found', () => {
    const start = `import { runBackgroundJob, defineAllowlist, jobContext } from 'jobspool';
      export class Report { build(year: number): number { return year; } }
      export const list = defineAllowlist({ Report: { module: './report.js', methods: { build: { retries: 3 } } } });
      export const attempt = (): string => jobContext().id;\n`;
    assert.equal(typeErrors(project, `${start} const id: string = await runBackgroundJob(Report, 'build', [2026]); void id;`), '');
    assert.match(typeErrors(project, `${start} await runBackgroundJob(Report, 'biuld', [2026]);`), /use\.ts.*error/);
    assert.match(typeErrors(project, `${start} await runBackgroundJob(Report, 'build', ['2026']);`), /use\.ts.*error/);
  });
});
