import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../service/config.ts';
import { greetingOfDashboard, programName, signInWords, urlOf } from '../../service/greeting.ts';
import { tempSpool } from '../support/spool.ts';

const config = (environment: Record<string, string> = {}) => readConfig(environment, 1);

test('the address in the greeting can be opened as it is', () => {
  const url = (host: string, basePath = '') => urlOf({ host, basePath }, 8080);
  assert.equal(url('127.0.0.1'), 'http://127.0.0.1:8080');
  assert.equal(url('0.0.0.0', '/jobs'), 'http://localhost:8080/jobs');
  assert.equal(url('::'), 'http://localhost:8080');
  assert.equal(url('::1'), 'http://[::1]:8080');
  assert.equal(url('[::1]'), 'http://[::1]:8080');
});

test('the greeting says who may come in, and no password', () => {
  const words = (environment: Record<string, string>) => signInWords(config(environment));
  assert.equal(words({}), 'no password is needed on this machine');
  assert.equal(words({ JOBSPOOL_HOST: '0.0.0.0', JOBSPOOL_AUTH: 'none' }), 'anybody may come in (JOBSPOOL_AUTH=none)');
  assert.equal(words({ JOBSPOOL_PASSWORD: 'hush' }), 'sign in as admin');
  assert.equal(words({ JOBSPOOL_PASSWORD: 'hush', JOBSPOOL_VIEWER_PASSWORD: 'shh' }), 'sign in as admin, or as viewer to look only');
  assert.equal(words({ JOBSPOOL_VIEWER_PASSWORD: 'hush', JOBSPOOL_TOKEN: 'x' }), 'sign in as viewer, who may look only');
  assert.match(words({ JOBSPOOL_TOKEN: 'hush' }), /^for programs with a bearer token/);
});

test('the command in the greeting is one that the person can type', () => {
  const installed = (PATH: string, npm_command?: string) =>
    programName('file:///app/main.js', { PATH, npm_command }, (file) => file === '/usr/local/bin/jobspool');
  assert.equal(installed('/bin:/usr/local/bin'), 'jobspool');
  assert.equal(installed('/bin'), 'npx jobspool');
  assert.equal(installed('/usr/local/bin', 'exec'), 'npx jobspool', 'the PATH that npm made is not the shell’s');
  assert.equal(
    programName('file:///src/main.ts', { PATH: '/usr/local/bin' }, () => true),
    'npm run -s jobspool --',
  );
});

test('a dashboard alone says that it runs no jobs, and whether it changes anything', (t) => {
  const lines = greetingOfDashboard(tempSpool(t), config({ JOBSPOOL_READ_ONLY: 'yes', JOBSPOOL_BASE_PATH: '/jobs' }), 9090).join('\n');
  assert.match(lines, /it runs no jobs itself/);
  assert.match(lines, /http:\/\/127\.0\.0\.1:9090\/jobs\/dashboard\s+no password is needed on this machine; read-only/);
});
