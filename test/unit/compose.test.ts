/** compose.yaml and its overlays, held against the configuration that the service reads. No engine is asked. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { readConfig, unknownVariables } from '../../service/config.ts';
import { durationMs } from '../../spool/duration.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const textOf = (name: string): string => fs.readFileSync(path.join(ROOT, name), 'utf8');
const FILES = [
  'compose.yaml',
  ...fs.readdirSync(path.join(ROOT, 'docker')).flatMap((name) => (/^compose\./.test(name) ? [`docker/${name}`] : [])),
];
const service = parse(textOf('compose.yaml')).services.jobspool;

test('a container has longer to stop than its jobs', () => {
  const { shutdownGraceMs, killGraceMs } = readConfig({ JOBSPOOL_SHUTDOWN_GRACE: service.environment.JOBSPOOL_SHUTDOWN_GRACE }, 1);
  assert.ok((durationMs(service.stop_grace_period) as number) > shutdownGraceMs + 2 * killGraceMs);
});

test('what compose.yaml hands on from .env is what the service reads', () => {
  assert.deepEqual(unknownVariables(service.environment), []);
  assert.ok(Object.keys(service.environment).length > 10);
});

test('.env.example names every variable that compose.yaml and its overlays read, and no other', () => {
  const read = FILES.flatMap((name) => [
    ...[...textOf(name).matchAll(/\$\{(\w+)/g)].map(([, variable]) => variable as string),
    ...[...textOf(name).matchAll(/^ {6}(JOBSPOOL_\w+):(?: #.*)?$/gm)].map(([, variable]) => variable as string),
  ]);
  const named = [...textOf('.env.example').matchAll(/^#([A-Z_]+)=/gm)].map(([, variable]) => variable as string);
  assert.deepEqual(named.filter((one) => one !== 'COMPOSE_FILE').toSorted(), [...new Set(read)].toSorted());
});
