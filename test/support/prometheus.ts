/** A real Prometheus that scrapes a service by the project's own configuration. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { freePort, startServer } from './server.ts';
import { tempFolder } from './spool.ts';

export const PROMETHEUS_FOLDER = path.resolve(import.meta.dirname, '../../docker/prometheus');

/** True, and says so, when this machine has no Prometheus. */
export function skipsWithoutPrometheus(t: TestContext): boolean {
  if (spawnSync('promtool', ['--version']).error === undefined) return false;
  t.skip(
    'SKIPPED: prometheus and promtool are not installed (apt-get install prometheus): metrics and alert rules were NOT tried with them',
  );
  return true;
}

/** Its answer; throws where promtool finds a fault. */
export function promtool(args: string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: PROMETHEUS_FOLDER, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')} exited with ${status}:\n${stdout}${stderr}`);
  return stdout + stderr;
}

/** `query` resolves with the values of a PromQL expression, and throws where that is none. */
export type Prometheus = {
  query(expression: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  targets(): Promise<string>;
};

/** Runs it with the shipped configuration, changed only in who is scraped, how often, and where the token is. */
export async function startPrometheus(t: TestContext, target: string, token: string): Promise<Prometheus> {
  const folder = tempFolder(t, 'jobspool-prometheus-');
  const port = await freePort();
  const shipped = fs.readFileSync(path.join(PROMETHEUS_FOLDER, 'prometheus.yml'), 'utf8');
  const changes = { 'jobspool:8080': target, '/run/secrets/jobspool_metrics_token': path.join(folder, 'token'), ': 15s': ': 250ms' };
  const configuration = Object.entries(changes).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`expected "${from}" in the shipped prometheus.yml, found none`);
    return text.replaceAll(from, to);
  }, shipped);
  fs.writeFileSync(path.join(folder, 'prometheus.yml'), configuration);
  fs.writeFileSync(path.join(folder, 'token'), token);
  fs.copyFileSync(path.join(PROMETHEUS_FOLDER, 'alerts.yml'), path.join(folder, 'alerts.yml'));
  const command = ['prometheus', '--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`];
  const base = `http://127.0.0.1:${port}`;
  const isReady = async () => (await fetch(`${base}/-/ready`).catch(() => undefined))?.status === 200;
  await startServer(t, command, isReady, { cwd: folder });
  return {
    targets: async () => (await fetch(`${base}/api/v1/targets`)).text(),
    async query(expression) {
      const answer = await fetch(`${base}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expression }) });
      const { status, error, data } = (await answer.json()) as Answer;
      if (status !== 'success') throw new Error(`${expression}: ${error}`);
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
  };
}

type Answer = { status: string; error?: string; data: { result: { metric: Record<string, string>; value: [number, string] }[] } };
