/** What is said to the person who starts the service. */
import path from 'node:path';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import { EVENTS_FILE } from '../spool/layout.ts';
import type { Spool } from '../spool/spool.ts';
import type { Config } from './config.ts';

/** Of a dispatcher, with a dashboard where there is a `port`: how to enqueue a first job, and where to look. */
export function greetingOfService(spool: Spool, config: Config, allowlist: Allowlist, port: number | undefined): string[] {
  const example = exampleOf(allowlist);
  const from = fromHere(spool);
  const words = [example.class, example.method, ...example.params].join(' ');
  const program = programName(import.meta.url, process.env, spool.disk.exists);
  return [
    `Jobspool runs jobs from ${spool.root} (${config.runners} at once).`,
    ...(port === undefined ? [] : dashboardLine(config, port)),
    `  drop a file:   echo '${JSON.stringify(example)}' > ${from}/tmp/a && mv ${from}/tmp/a ${from}/incoming/p5-now-a.json`,
    `  or enqueue:    ${program} run ${words} --wait`,
    `  the log:       tail -f ${path.join(from, 'logs', EVENTS_FILE)}`,
    '  stop:          Ctrl-C',
  ];
}

/** Of a dashboard alone. */
export function greetingOfDashboard(spool: Spool, config: Config, port: number): string[] {
  return [`Jobspool shows ${spool.root}; it runs no jobs itself.`, ...dashboardLine(config, port), '  stop:          Ctrl-C'];
}

/** Where the server is reached from this machine, without a path. */
export function urlOf({ host, basePath }: Pick<Config, 'host' | 'basePath'>, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}${basePath}`;
}

/** Who may come in, in a few words. */
export function signInWords({ user, password, token, viewerUser, viewerPassword, viewerToken, auth }: Config): string {
  if (password) return `sign in as ${user}${viewerPassword ? `, or as ${viewerUser} to look only` : ''}`;
  if (viewerPassword) return `sign in as ${viewerUser}, who may look only`;
  if (token || viewerToken) return 'for programs with a bearer token; JOBSPOOL_PASSWORD lets people in';
  return auth === 'none' ? 'anybody may come in (JOBSPOOL_AUTH=none)' : 'no password is needed on this machine';
}

/** How a person calls this program: in a checkout by npm, else by its name where the shell finds it, as in the container, or by npx. */
export function programName(module: string, environment: NodeJS.ProcessEnv, exists: (file: string) => boolean): string {
  if (module.endsWith('.ts')) return 'npm run -s jobspool --';
  const folders = (environment.PATH ?? '').split(path.delimiter);
  // What npm runs has folders on its PATH that the person's shell has not.
  const isFound = environment.npm_command === undefined && folders.some((folder) => exists(path.join(folder, 'jobspool')));
  return isFound ? 'jobspool' : 'npx jobspool';
}

const dashboardLine = (config: Config, port: number): string[] => [
  `  dashboard:     ${urlOf(config, port)}/dashboard        ${signInWords(config)}${config.readOnly ? '; read-only' : ''}`,
];

/** A job to try, of the ones that are allowed here. */
function exampleOf({ classes }: Allowlist): { class: string; method: string; params: string[] } {
  if (Object.hasOwn(classes, 'ExampleJob')) return { class: 'ExampleJob', method: 'execute', params: ['Hello'] };
  const [name = 'SomeClass', entry] = Object.entries(classes)[0] ?? [];
  return { class: name, method: Object.keys(entry?.methods ?? {})[0] ?? 'handle', params: [] };
}

function fromHere(spool: Spool): string {
  const relative = path.relative(process.cwd(), spool.root);
  return relative === '' || relative.startsWith('..') ? spool.root : relative;
}
