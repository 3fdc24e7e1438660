import path from 'node:path';
import { type Allowlist, findAllowlist, loadAllowlist } from '../jobs/load-allowlist.ts';
import { openSpool, type Spool } from '../spool/spool.ts';
import { type Config, unknownVariables } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { logSink } from './output.ts';
import { firstAndSecondSignal } from './shutdown.ts';

/**
 * `dispatch` runs jobs, `serve` also listens. Resolves when the service was told to stop and has. Standard output carries log
 * lines and nothing else; `greet` gets what is meant for a person.
 */
export async function runService(config: Config, kind: 'serve' | 'dispatch', greet: (lines: string[]) => void): Promise<void> {
  const spool = openSpool(config.dir, { durability: config.durability });
  const allowlist = await loadAllowlist(findAllowlist(config.jobs));
  const dispatcher = new Dispatcher({ spool, config, allowlist, onLine: await logSink(process.stdout) });
  for (const name of unknownVariables(process.env)) dispatcher.log.warn(`${name} is set, but it is no variable of Jobspool: misspelt?`);
  const { first, second } = firstAndSecondSignal();
  const server = kind === 'serve' ? await startServer(dispatcher, config) : undefined;
  first.then(() => dispatcher.takeNothingNew());
  await dispatcher.start();
  greet(greeting(spool, config, exampleOf(allowlist), server?.port));
  dispatcher.log.info(`dispatcher started with ${config.runners} runners on ${spool.root}`, {
    pid: process.pid,
    ...(server ? { url: `http://${config.host}:${server.port}${config.basePath}` } : {}),
    allowlist: allowlist.file,
  });
  const signal = await Promise.race([first, dispatcher.lost]);
  if (!signal) process.exitCode = 1;
  dispatcher.log.info(
    `${signal ?? 'its slot is lost'}: no new job is claimed; running ones have ${config.shutdownGraceMs} ms. A second signal skips the waiting.`,
  );
  await dispatcher.stop(second);
  await server?.close();
}

async function startServer(dispatcher: Dispatcher, { basePath, host, port }: Config) {
  const { listen, makeApp } = await import('./server.ts');
  const app = makeApp(basePath, () => reasonsNotReady(dispatcher));
  return await listen(app, host, port);
}

function reasonsNotReady(dispatcher: Dispatcher): string[] {
  const words = {
    stopping: 'the service is stopping',
    lost: 'another host took this one for dead, and it stops',
    'disk-low': 'the disk is nearly full (JOBSPOOL_MIN_FREE)',
    paused: undefined,
  };
  const obstacle = dispatcher.obstacle && words[dispatcher.obstacle];
  const reasons = obstacle ? [obstacle] : [];
  if (dispatcher.readyRunners === 0) reasons.push('no runner is ready');
  return reasons;
}

/** A job to try, of the ones that are allowed here. */
type Example = { class: string; method: string; params: string[] };

function exampleOf({ classes }: Allowlist): Example {
  if (Object.hasOwn(classes, 'ExampleJob')) return { class: 'ExampleJob', method: 'execute', params: ['Hello'] };
  const [name = 'SomeClass', entry] = Object.entries(classes)[0] ?? [];
  return { class: name, method: Object.keys(entry?.methods ?? {})[0] ?? 'handle', params: [] };
}

function greeting(spool: Spool, config: Config, example: Example, port: number | undefined): string[] {
  const relative = path.relative(process.cwd(), spool.root);
  const from = relative === '' || relative.startsWith('..') ? spool.root : relative;
  const log = path.join(from, 'logs', 'background_jobs.log');
  const cli = import.meta.url.endsWith('.ts') ? 'npm run -s jobspool --' : 'npx jobspool';
  const words = [example.class, example.method, ...example.params].join(' ');
  return [
    `Jobspool runs jobs from ${spool.root} (${config.runners} at once).`,
    `  drop a file:   echo '${JSON.stringify(example)}' > ${from}/tmp/a && mv ${from}/tmp/a ${from}/incoming/p5-now-a.json`,
    `  or enqueue:    ${cli} run ${words} --wait`,
    `  the log:       tail -f ${log}`,
    port === undefined
      ? '  stop:          Ctrl-C'
      : `  health:        http://${config.host}:${port}${config.basePath}/healthz        stop: Ctrl-C`,
  ];
}
