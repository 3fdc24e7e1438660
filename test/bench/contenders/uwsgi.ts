import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { Contender, Order, Produced, Session, Stage } from '../contender.ts';
import { startProcess } from '../start-process.ts';
import { until } from '../until.ts';

/** The uWSGI spooler: a file spool in C, the nearest relative. It syncs nothing, has no bulk call and keeps no history. */
export const contenders: Contender[] = [
  {
    name: 'uwsgi',
    family: 'uwsgi',
    settings: `spooler with ${os.availableParallelism()} processes, Python handler, frequency 1 s`,
    durability: 'process',
    missing: () =>
      version() === undefined
        ? 'the uWSGI spooler is not installed: apt-get install --no-install-recommends uwsgi-core uwsgi-plugin-python3'
        : undefined,
    version: () => version() ?? 'missing',
    open,
  },
];

async function open(stage: Stage): Promise<Session> {
  const spool = path.join(stage.folder, 'spool');
  fs.mkdirSync(spool);
  const socket = path.join(stage.folder, 'http.sock');
  const processes = stage.concurrency ?? os.availableParallelism();
  const started = startProcess(
    'uwsgi',
    [
      ...[
        '--plugins',
        'python3',
        '--master',
        '--http-socket',
        socket,
        '--processes',
        '1',
        '--wsgi-file',
        path.join(import.meta.dirname, 'uwsgi_app.py'),
      ],
      ...['--spooler', spool, '--spooler-processes', String(processes), '--spooler-frequency', '1', '--spooler-quiet'],
      ...['--disable-logging', '--need-app', '--die-on-term'],
    ],
    { env: { BENCH_TALLY: stage.tally, PYTHONDONTWRITEBYTECODE: '1' }, cwd: '/' },
  );
  await until(() => fs.existsSync(socket) || started.hasEnded(), 'uWSGI to start');
  if (started.hasEnded()) throw new Error(`uwsgi ended: ${started.says()}`);
  const { spoolers } = (await ask(socket)) as { spoolers: number[] };
  // One that has just ended is started again by its master, under another pid.
  const signal = (name: NodeJS.Signals) => {
    for (const pid of spoolers) if (isAlive(pid)) process.kill(pid, name);
  };
  if (!stage.workers) signal('SIGSTOP');
  return {
    pids: () => [started.pid],
    produce: (order: Order) => ask(socket, order) as Promise<Produced>,
    hold: async () => signal('SIGSTOP'),
    release: async () => signal('SIGCONT'),
    left: async () => fs.readdirSync(spool).filter((name) => name.startsWith('uwsgi_spoolfile')).length,
    close: async () => {
      signal('SIGCONT');
      // What is left in the spool is thrown away; a stop that waits for it would not end.
      signal('SIGSTOP');
      await started.end('SIGKILL');
      signal('SIGKILL');
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function ask(socketPath: string, order?: Order): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const body = order ? JSON.stringify(order) : '';
    const request = http.request(
      { socketPath, method: 'POST', path: '/', headers: { 'content-length': Buffer.byteLength(body) } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        answer.on('end', () => {
          if (answer.statusCode === 200 && text) resolve(JSON.parse(text));
          else reject(new Error(`uWSGI answered ${answer.statusCode}: ${text}`));
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

function version(): string | undefined {
  if (!fs.existsSync('/usr/lib/uwsgi/plugins/python3_plugin.so')) return undefined;
  try {
    return execFileSync('uwsgi', ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
