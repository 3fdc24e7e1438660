import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Environment, readConfig, SECRETS, settingsOf, unknownVariables, VARIABLES } from '../../service/config.ts';
import { tempFolder } from '../support/spool.ts';

const CORES = 4;

function mistakes(environment: Environment, flags: Environment = {}): string {
  try {
    readConfig(environment, CORES, flags);
  } catch (error) {
    assert.equal((error as Error).name, 'ConfigError');
    return (error as Error).message;
  }
  return assert.fail('the configuration was accepted');
}

const WRONG: Partial<Record<keyof typeof VARIABLES, string>> = {
  JOBSPOOL_RUNNERS: '0',
  JOBSPOOL_PORT: '65536',
  JOBSPOOL_BASE_PATH: 'jobs',
  JOBSPOOL_USER: 'ada:lovelace',
  JOBSPOOL_VIEWER_USER: ':',
  JOBSPOOL_AUTH: 'nobody',
  JOBSPOOL_READ_ONLY: 'maybe',
  JOBSPOOL_RETRIES: '-1',
  JOBSPOOL_RETRY_DELAY: 'soon',
  JOBSPOOL_BACKOFF: 'linear',
  JOBSPOOL_TIMEOUT: '0',
  JOBSPOOL_SHUTDOWN_GRACE: '-5s',
  JOBSPOOL_KILL_GRACE: '5 s',
  JOBSPOOL_STALE: '1s',
  JOBSPOOL_SCAN: '0s',
  JOBSPOOL_WATCH: 'yes',
  JOBSPOOL_DURABILITY: 'half',
  JOBSPOOL_KEEP_COMPLETED: 'ever',
  JOBSPOOL_KEEP_FAILED: '1y',
  JOBSPOOL_KEEP_LOGS: 'x',
  JOBSPOOL_MIN_FREE: '10%',
  JOBSPOOL_LOG_LEVEL: 'loud',
};

test('every wrong variable is named in one message, with what was expected and what was there', () => {
  const lines = mistakes(WRONG).split('\n').slice(1);
  assert.deepEqual(lines.map((line) => line.trim().split(':')[0]).toSorted(), Object.keys(WRONG).toSorted());
  for (const line of lines) {
    const name = line.trim().split(':')[0] as keyof typeof VARIABLES;
    assert.match(line, /: expected .*, got "/);
    assert.ok(line.endsWith(`got ${JSON.stringify(WRONG[name])}`), line);
  }
});

test('every variable that can be wrong is wrong in the test above', () => {
  const anyText = ['JOBSPOOL_DIR', 'JOBSPOOL_JOBS', 'JOBSPOOL_HOST', ...SECRETS];
  assert.deepEqual(Object.keys(VARIABLES).toSorted(), [...anyText, ...Object.keys(WRONG)].toSorted());
});

test('without any variable the service has the documented defaults', () => {
  assert.deepEqual(readConfig({}, CORES), {
    dir: './var/spool',
    jobs: undefined,
    runners: CORES,
    host: '127.0.0.1',
    port: 8080,
    basePath: '',
    user: 'admin',
    password: undefined,
    token: undefined,
    viewerUser: 'viewer',
    viewerPassword: undefined,
    viewerToken: undefined,
    auth: 'required',
    readOnly: false,
    policy: { retries: 3, retryDelayMs: 5_000, backoff: 'exponential', maxDelayMs: 3_600_000, timeoutMs: 3_600_000 },
    shutdownGraceMs: 25_000,
    killGraceMs: 5_000,
    staleMs: 30_000,
    scanMs: 2_000,
    watch: 'events',
    durability: 'full',
    keepCompletedMs: 604_800_000,
    keepFailedMs: 2_592_000_000,
    keepLogsMs: 1_209_600_000,
    minFreeBytes: 52_428_800,
    logLevel: 'info',
  });
});

test('an empty variable counts as not set', () => {
  assert.deepEqual(readConfig(Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, ''])), CORES), readConfig({}, CORES));
});

test('a flag comes before the environment, and a flag that was not given does not', () => {
  const config = readConfig({ JOBSPOOL_PORT: '1', JOBSPOOL_RUNNERS: '2' }, CORES, { JOBSPOOL_PORT: '3', JOBSPOOL_RUNNERS: undefined });
  assert.equal(config.port, 3);
  assert.equal(config.runners, 2);
});

test('sizes are read with their units', () => {
  const size = (text: string) => readConfig({ JOBSPOOL_MIN_FREE: text }, CORES).minFreeBytes;
  assert.deepEqual(
    ['0', '512', '1K', '100M', '1.5G', '2GiB', '1tb'].map(size),
    [0, 512, 1_024, 104_857_600, 1_610_612_736, 2_147_483_648, 1_099_511_627_776],
  );
});

test('a base path loses its last slash and may have several parts', () => {
  const basePath = (text: string) => readConfig({ JOBSPOOL_BASE_PATH: text }, CORES).basePath;
  assert.deepEqual(['/', '/jobs', '/a/b/'].map(basePath), ['', '/jobs', '/a/b']);
  for (const wrong of ['//', '/a//b', '/a b', '/a?b', 'https://x'])
    assert.match(mistakes({ JOBSPOOL_BASE_PATH: wrong }), /JOBSPOOL_BASE_PATH/);
});

test('secrets may come from files, and never appear in a message', (t) => {
  const file = path.join(tempFolder(t), 'password');
  fs.writeFileSync(file, 'hush\n');
  assert.equal(readConfig({ JOBSPOOL_PASSWORD_FILE: file }, CORES).password, 'hush');
  const message = mistakes({ JOBSPOOL_PASSWORD_FILE: file, JOBSPOOL_PASSWORD: 'loud', JOBSPOOL_PORT: 'x' });
  assert.match(message, /JOBSPOOL_PASSWORD_FILE: expected it or JOBSPOOL_PASSWORD, got both/);
  assert.match(message, /JOBSPOOL_PORT/);
  assert.doesNotMatch(message, /hush|loud/);
});

test('a secret file that is missing, empty or a folder is refused by name', (t) => {
  const folder = tempFolder(t);
  fs.writeFileSync(path.join(folder, 'empty'), ' \n');
  assert.match(mistakes({ JOBSPOOL_TOKEN_FILE: path.join(folder, 'none') }), /JOBSPOOL_TOKEN_FILE: .*is missing/);
  assert.match(mistakes({ JOBSPOOL_TOKEN_FILE: path.join(folder, 'empty') }), /JOBSPOOL_TOKEN_FILE: .*is empty/);
  assert.match(mistakes({ JOBSPOOL_TOKEN_FILE: folder }), /JOBSPOOL_TOKEN_FILE: expected a file that .+ may read, got/);
});

test('a server that strangers can reach needs a password, a token, or the word that it needs none', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'jobs.example', '127.0.0.1.evil.example'])
    assert.match(mistakes({ JOBSPOOL_HOST: host }), /is not loopback/);
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1']) assert.equal(readConfig({ JOBSPOOL_HOST: host }, CORES).host, host);
  // A viewer's alone is for a board that everybody may look at and nobody may touch.
  const secrets: Environment[] = SECRETS.map((name) => ({ [name]: 'x' }));
  const enough: Environment[] = [...secrets, { JOBSPOOL_AUTH: 'none' }];
  for (const variable of enough) assert.equal(readConfig({ JOBSPOOL_HOST: '0.0.0.0', ...variable }, CORES).host, '0.0.0.0');
});

test('a viewer cannot be taken for an operator: names that both have, and tokens, are refused', () => {
  const both = { JOBSPOOL_USER: 'ada', JOBSPOOL_PASSWORD: 'hush1', JOBSPOOL_VIEWER_USER: 'ada' };
  assert.match(
    mistakes({ ...both, JOBSPOOL_VIEWER_PASSWORD: 'hush2' }),
    /JOBSPOOL_VIEWER_USER: expected another name .* got "ada" for both/,
  );
  assert.equal(readConfig(both, CORES).viewerUser, 'ada');
  const message = mistakes({ JOBSPOOL_TOKEN: 'hush3', JOBSPOOL_VIEWER_TOKEN: 'hush3' });
  assert.match(message, /JOBSPOOL_VIEWER_TOKEN: expected another token/);
  assert.doesNotMatch(message, /hush/);
});

test('the settings say every value that is used and where it came from, and no secret', () => {
  const environment = { JOBSPOOL_PORT: '1', JOBSPOOL_RUNNERS: '', JOBSPOOL_PASSWORD: 'hush1', JOBSPOOL_VIEWER_TOKEN_FILE: '/run/hush2' };
  const rows = settingsOf(environment, { JOBSPOOL_DIR: '/srv', JOBSPOOL_PORT: undefined }, { JOBSPOOL_RUNNERS: '8', JOBSPOOL_HOST: 'x' });
  assert.deepEqual(
    rows.map(({ name }) => name),
    Object.keys(VARIABLES),
  );
  const row = (wanted: string) => {
    const { value, source } = rows.find(({ name }) => name === wanted) ?? assert.fail(wanted);
    return [value, source];
  };
  assert.deepEqual(row('JOBSPOOL_DIR'), ['/srv', 'flag']);
  assert.deepEqual(row('JOBSPOOL_PORT'), ['1', 'environment']);
  assert.deepEqual(row('JOBSPOOL_RUNNERS'), ['8', 'default']);
  assert.deepEqual(row('JOBSPOOL_HOST'), ['127.0.0.1', 'default']);
  assert.deepEqual(row('JOBSPOOL_PASSWORD'), ['••••••', 'environment']);
  assert.deepEqual(row('JOBSPOOL_VIEWER_TOKEN'), ['••••••', 'file']);
  assert.deepEqual(row('JOBSPOOL_TOKEN'), ['', 'default']);
  assert.doesNotMatch(JSON.stringify(rows), /hush/);
  assert.ok(rows.every(({ name, means }) => means === VARIABLES[name as keyof typeof VARIABLES].means));
});

test('a misspelt variable is noticed; those of runners and secret files are not taken for one', () => {
  assert.deepEqual(
    unknownVariables({
      JOBSPOOL_RUNNER_COUNT: '1',
      JOBSPOOL_DIR: 'x',
      JOBSPOOL_TOKEN_FILE: 'x',
      JOBSPOOL_SLOT: 'x',
      PATH: 'x',
      JOBSPOOL_DIR_FILE: 'x',
    }),
    ['JOBSPOOL_RUNNER_COUNT', 'JOBSPOOL_DIR_FILE'],
  );
});
