/** The real Docker engine, the image built from this checkout, and Compose projects on it. All that a test starts is gone after it. */
import { type SpawnOptions, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type Spool, spoolAt } from '../../spool/spool.ts';
import { afterwards } from './afterwards.ts';
import { type Ran, runShell } from './program.ts';
import { tempFolder } from './spool.ts';

export const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** True, and says so, when no engine answers. */
export function skipsWithoutEngine(t: TestContext): boolean {
  const asked = spawnSync('docker', ['info'], { encoding: 'utf8' });
  if (asked.status === 0 && spawnSync('docker', ['compose', 'version']).status === 0) return false;
  const why = asked.error?.message ?? asked.stderr.trim().split('\n').at(-1);
  t.skip(`SKIPPED: no Docker engine with Compose answers (${why}): the container was NOT tested; .ci/run says how to have one`);
  return true;
}

/** The image of this checkout; built once for a file of tests, and quickly where the engine has built it before. */
export const IMAGE = 'jobspool:test';

let building: Promise<void> | undefined;

export function builtImage(): Promise<void> {
  building ??= build(IMAGE, ROOT);
  return building;
}

/** Builds an image; the network is the machine's, because engines without a bridge have no other for a build. */
export async function build(tag: string, folder: string, ...options: string[]): Promise<void> {
  await docker(['build', '--quiet', '--network=host', '--tag', tag, ...options, folder]);
}

/** Runs `docker`, and throws what it said where it fails. */
export async function docker(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, out, err } = await tried(args, env);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${code}\n${out}${err}`);
  return out;
}

/** Runs `docker`, however it ends. */
export const tried = (args: string[], env: Record<string, string> = {}, options: SpawnOptions = {}): Promise<Ran> =>
  runShell(['docker', ...args], env, options);

/** How compose.yaml hardens a container, for one that is run without Compose. */
export const HARDENED = ['--read-only', '--tmpfs=/tmp:mode=1777', '--cap-drop=ALL', '--security-opt=no-new-privileges:true'];

export type Composed = {
  /** The spool, in a folder of this machine. */
  spool: Spool;
  /** Runs `docker compose …` on the project, and throws where it fails. */
  compose(...args: string[]): Promise<string>;
  /** Runs shell commands in which `docker compose` means the project. */
  shell(commands: string): Promise<Ran>;
  /** The id of the only container of a service. */
  container(service?: string): Promise<string>;
  /** What `docker inspect` says of it, by a Go template. */
  inspect(template: string, service?: string): Promise<string>;
  /** Where the dashboard is reached from here. */
  url(): Promise<string>;
};

export type ComposeOptions = {
  /** Beside compose.yaml. */
  files?: string[];
  env?: Record<string, string>;
  /** The spool is this group's, by the setgid bit of its folder, and the service makes all that is in it; default: it is the container's user's. */
  group?: number;
  /** The folder with the allow-list; default: the image's own. */
  jobs?: string;
  /** What the service `jobspool` gets beside what compose.yaml gives it; as JSON, which is YAML. */
  overlay?: object;
};

/** So that nobody waits: the health is asked every second. */
const OFTEN = { healthcheck: { interval: '1s' } };

/** A Compose project of its own with compose.yaml, nothing of it started yet. */
export async function composed(
  t: TestContext,
  { files = [], env = {}, jobs, group, overlay = {} }: ComposeOptions = {},
): Promise<Composed> {
  await builtImage();
  const folder = tempFolder(t, 'jobspool-compose-');
  const project = path.basename(folder).toLowerCase();
  const { dir, owner } = ownFolder(folder, group);
  const more = path.join(folder, 'test.json');
  fs.writeFileSync(more, JSON.stringify({ services: { jobspool: { ...OFTEN, ...overlay } } }));
  const options = ['compose', '--project-name', project, '--project-directory', ROOT];
  const all = ['compose.yaml', ...files, more].flatMap((file) => ['--file', path.resolve(ROOT, file)]);
  const variables = {
    JOBSPOOL_PASSWORD: 'hush',
    JOBSPOOL_IMAGE: IMAGE,
    JOBSPOOL_SPOOL: dir,
    JOBSPOOL_PORT: '0',
    ...owner,
    ...(jobs === undefined ? {} : { JOBSPOOL_JOBS_FOLDER: jobs }),
    ...env,
  };
  const compose = (...args: string[]) => docker([...options, ...all, ...args], variables);
  const shell = (commands: string) =>
    runShell(['sh', '-c', commands.replaceAll('docker compose ', `docker ${[...options, ...all].join(' ')} `)], variables);
  afterwards(t, async () => void (await tried([...options, ...all, 'down', '--volumes', '--timeout', '0'], variables)));
  const container = async (service = 'jobspool') => (await compose('ps', '--all', '--quiet', service)).trim();
  return {
    // Not opened: the service makes it.
    spool: spoolAt(dir, { durability: 'none' }),
    compose,
    shell,
    container,
    inspect: async (template, service) => (await docker(['inspect', '--format', template, await container(service)])).trim(),
    url: async () => `http://${(await compose('port', 'jobspool', '8080')).trim()}`,
  };
}

/** A spool's folder that the container may write to, and as whom. */
function ownFolder(folder: string, group: number | undefined): { dir: string; owner: { JOBSPOOL_UID: string; JOBSPOOL_GID: string } } {
  const dir = path.join(folder, 'spool');
  fs.mkdirSync(dir);
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid !== 0) return { dir, owner: { JOBSPOOL_UID: String(uid), JOBSPOOL_GID: String(gid) } };
  // The test is root: the image's own user must do.
  fs.chmodSync(folder, 0o755);
  fs.chownSync(dir, 10_001, group ?? 0);
  fs.chmodSync(dir, group === undefined ? 0o770 : 0o2770);
  return { dir, owner: { JOBSPOOL_UID: '10001', JOBSPOOL_GID: '0' } };
}
