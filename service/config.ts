/** The configuration: flags before environment before defaults. The only module of the service that reads the environment. */
import { z } from 'zod';
import { who } from '../spool/denial.ts';
import { disk } from '../spool/disk.ts';
import { durationMs } from '../spool/duration.ts';
import { messageOf } from '../spool/errors.ts';
import { MASK } from '../spool/mask.ts';
import { DEFAULT_POLICY, type Policy } from '../spool/policy.ts';
import { DEFAULT_DIR } from '../spool/spool.ts';
import type { Credentials } from '../ui/access/credentials.ts';
import type { Setting } from '../ui/dashboard.ts';
import { ConfigError } from './config-error.ts';

const duration = z.string().transform((text, context) => {
  const ms = durationMs(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'expected a duration such as 500ms, 5s, 2m, 1h or 7d' });
  return z.NEVER;
});

const positiveDuration = duration.refine((ms) => ms > 0, { error: 'expected more than 0' });

const whole = (min: number, max: number) =>
  z.string().transform((text, context) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `expected a whole number from ${min} to ${max}` });
    return z.NEVER;
  });

const oneOf = <const T extends string>(...values: T[]) => z.enum(values, { error: () => `expected ${values.join(' or ')}` });

const flag = oneOf('1', '0', 'true', 'false', 'yes', 'no').transform((text) => ['1', 'true', 'yes'].includes(text));

// In Basic authentication the name ends at the first colon.
const userName = z.string().regex(/^[^:]+$/, 'expected a name without a colon');

const UNITS: Record<string, number> = { B: 1, K: 1_024, M: 1_048_576, G: 1_073_741_824, T: 1_099_511_627_776 };

const bytes = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*([BKMGT]?)(?:i?B)?$/i.exec(text.trim());
  if (match) return Math.round(Number(match[1]) * (UNITS[(match[2] || 'B').toUpperCase()] as number));
  context.addIssue({ code: 'custom', message: 'expected a size such as 100M or 2G' });
  return z.NEVER;
});

/** Every variable: how it is read, its default as text, and what it means. The README's table is made of this. */
export const VARIABLES = {
  JOBSPOOL_DIR: { read: z.string().min(1, 'expected a folder'), default: DEFAULT_DIR, means: 'The spool.' },
  JOBSPOOL_JOBS: { read: z.string(), default: '', means: 'The allow-list file; default: `jobs/allowlist.ts`, `.js` or `.json`.' },
  JOBSPOOL_RUNNERS: { read: whole(1, 1_024), default: '', means: 'How many jobs run at once; default: the number of cores.' },
  JOBSPOOL_HOST: { read: z.string().min(1, 'expected an address'), default: '127.0.0.1', means: 'The address that the server listens on.' },
  JOBSPOOL_PORT: { read: whole(0, 65_535), default: '8080', means: 'Its port; 0 takes any free one.' },
  JOBSPOOL_BASE_PATH: {
    read: z
      .string()
      .regex(/^(\/[A-Za-z0-9._~-]+)*\/?$/, 'expected a path such as /jobs')
      .transform((path) => path.replace(/\/$/, '')),
    default: '',
    means: 'The path under which a proxy serves it.',
  },
  JOBSPOOL_USER: { read: userName, default: 'admin', means: 'The user name of the dashboard.' },
  JOBSPOOL_PASSWORD: { read: z.string(), default: '', means: 'Its password. Off loopback a password or a token is required.' },
  JOBSPOOL_TOKEN: { read: z.string(), default: '', means: 'The bearer token of the API.' },
  JOBSPOOL_VIEWER_USER: { read: userName, default: 'viewer', means: 'The name of a user who may look and change nothing.' },
  JOBSPOOL_VIEWER_PASSWORD: {
    read: z.string(),
    default: '',
    means: "The password of that user. With a viewer's password or token alone nobody may change anything.",
  },
  JOBSPOOL_VIEWER_TOKEN: { read: z.string(), default: '', means: 'A bearer token for programs that may read and change nothing.' },
  JOBSPOOL_AUTH: { read: oneOf('required', 'none'), default: 'required', means: '`none` allows a server off loopback without a password.' },
  JOBSPOOL_READ_ONLY: { read: flag, default: 'no', means: 'The dashboard and the API change nothing.' },
  JOBSPOOL_RETRIES: {
    read: whole(0, 1_000),
    default: '3',
    means: 'Attempts after the first, where neither the request nor the method says.',
  },
  JOBSPOOL_RETRY_DELAY: { read: duration, default: '5s', means: 'The wait before the first retry, likewise.' },
  JOBSPOOL_BACKOFF: { read: oneOf('fixed', 'exponential'), default: 'exponential', means: 'How the wait grows, likewise.' },
  JOBSPOOL_TIMEOUT: { read: positiveDuration, default: '1h', means: 'How long one attempt may take, likewise.' },
  JOBSPOOL_SHUTDOWN_GRACE: { read: duration, default: '25s', means: 'How long running jobs may finish after SIGTERM.' },
  JOBSPOOL_KILL_GRACE: { read: duration, default: '5s', means: 'The time from the AbortSignal to TERM, and from TERM to KILL.' },
  JOBSPOOL_STALE: {
    read: duration.refine((ms) => ms >= 5_000, { error: 'expected at least 5s' }),
    default: '30s',
    means: 'A host that is silent for so long has lost its jobs.',
  },
  JOBSPOOL_SCAN: {
    read: positiveDuration.refine((ms) => ms <= 3_600_000, { error: 'expected at most 1h' }),
    default: '2s',
    means: 'How often the folders are read, whatever the watcher says.',
  },
  JOBSPOOL_WATCH: {
    read: oneOf('events', 'poll'),
    default: 'events',
    means: '`poll` where file events do not arrive (NFS, some bind mounts).',
  },
  JOBSPOOL_DURABILITY: {
    read: oneOf('full', 'none'),
    default: 'full',
    means: '`none`: safe from crashes of processes, not from power cuts; faster.',
  },
  JOBSPOOL_KEEP_COMPLETED: { read: duration, default: '7d', means: 'How long completed jobs are kept.' },
  JOBSPOOL_KEEP_FAILED: { read: duration, default: '30d', means: 'How long failed, cancelled and rejected jobs are kept.' },
  JOBSPOOL_KEEP_LOGS: { read: duration, default: '14d', means: 'How long the logs of finished jobs are kept.' },
  JOBSPOOL_MIN_FREE: { read: bytes, default: '50M', means: 'Disk space under which nothing is accepted or claimed.' },
  JOBSPOOL_LOG_LEVEL: { read: oneOf('debug', 'info', 'warn', 'error'), default: 'info', means: 'The least level that is logged.' },
} as const satisfies Record<string, { read: z.ZodType; default: string; means: string }>;

export type Variable = keyof typeof VARIABLES;

/** Secrets, which may also come from the file that `<name>_FILE` names. */
export const SECRETS = [
  'JOBSPOOL_PASSWORD',
  'JOBSPOOL_TOKEN',
  'JOBSPOOL_VIEWER_PASSWORD',
  'JOBSPOOL_VIEWER_TOKEN',
] as const satisfies Variable[];

const isSecret = (name: string): boolean => (SECRETS as readonly string[]).includes(name);

/** The configuration, checked. Times in milliseconds, sizes in bytes. */
export type Config = Credentials & {
  dir: string;
  jobs: string | undefined;
  runners: number;
  host: string;
  port: number;
  basePath: string;
  readOnly: boolean;
  policy: Policy;
  shutdownGraceMs: number;
  killGraceMs: number;
  staleMs: number;
  scanMs: number;
  watch: 'events' | 'poll';
  durability: 'full' | 'none';
  keepCompletedMs: number;
  keepFailedMs: number;
  keepLogsMs: number;
  minFreeBytes: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
};

export type Environment = Record<string, string | undefined>;

/**
 * Reads the configuration. `flags` are values from the command line by their variable's name; they come before the environment's. Throws
 * ConfigError that names every mistake at once.
 */
export function readConfig(environment: Environment, cores: number, flags: Environment = {}): Config {
  const { values, mistakes } = readValues(withSecretFiles(inOrder(environment, flags)));
  if (!mistakes.some((mistake) => DECIDES_AUTH.test(mistake))) mistakes.push(...combinedMistakes(values));
  if (mistakes.length > 0) throw new ConfigError(`the configuration is wrong:\n${mistakes.map((line) => `  ${line}`).join('\n')}`);
  return toConfig(values, cores);
}

// While one of these is wrong, nobody knows whether a password was meant.
const DECIDES_AUTH = /^JOBSPOOL_(HOST|AUTH|(VIEWER_)?(USER|PASSWORD|TOKEN))/;

/**
 * Every variable with the value that is used and where it comes from, secrets masked. `found`: what an empty default came to. For a configuration that
 * `readConfig` has taken.
 */
export function settingsOf(environment: Environment, flags: Environment = {}, found: Environment = {}): Setting[] {
  const values = inOrder(environment, flags);
  return (Object.keys(VARIABLES) as Variable[]).map((name) => {
    const { default: fallback, means } = VARIABLES[name];
    if (isSecret(name)) return { name, ...secretSetting(values, name), means };
    if (!values[name]) return { name, value: fallback || found[name] || '', source: 'default', means };
    return { name, value: values[name], source: flags[name] ? 'flag' : 'environment', means };
  });
}

function secretSetting(values: Environment, name: Variable): Pick<Setting, 'value' | 'source'> {
  if (values[name]) return { value: MASK, source: 'environment' };
  return values[`${name}_FILE`] ? { value: MASK, source: 'file' } : { value: '', source: 'default' };
}

/** Variables that look like ours and are not: spelling mistakes, most likely. */
export function unknownVariables(environment: Environment): string[] {
  const known = new Set<string>([...Object.keys(VARIABLES), ...SECRETS.map((name) => `${name}_FILE`)]);
  return Object.keys(environment).filter((name) => name.startsWith('JOBSPOOL_') && !known.has(name) && !OWN.test(name));
}

// Set by runners for handlers; an `exec` inside a job inherits them.
const OWN = /^JOBSPOOL_(SLOT|ID|ATTEMPT|CLASS|METHOD|RESULT|PROGRESS|RUNNER)$/;

type Values = { [V in Variable]: z.output<(typeof VARIABLES)[V]['read']> };

function readValues(environment: { values: Environment; mistakes: string[] }): { values: Values; mistakes: string[] } {
  const { mistakes } = environment;
  const values: Record<string, unknown> = {};
  for (const [name, { read, default: fallback }] of Object.entries(VARIABLES)) {
    const text = environment.values[name] || fallback;
    // An empty default stands for a value that is found out later.
    if (text === '') {
      values[name] = '';
      continue;
    }
    const result = read.safeParse(text);
    if (result.success) values[name] = result.data;
    else mistakes.push(`${name}: ${result.error.issues[0]?.message}, got ${isSecret(name) ? 'something else' : JSON.stringify(text)}`);
  }
  return { values: values as Values, mistakes };
}

function withSecretFiles(environment: Environment): { values: Environment; mistakes: string[] } {
  const values = { ...environment };
  const mistakes: string[] = [];
  for (const name of SECRETS) {
    const file = environment[`${name}_FILE`];
    if (!file) continue;
    if (environment[name]) mistakes.push(`${name}_FILE: expected it or ${name}, got both`);
    try {
      const secret = disk.readAnywhere(file)?.trim();
      if (secret) values[name] = secret;
      else
        mistakes.push(
          `${name}_FILE: expected a file with a secret in it, got "${file}", which is ${secret === undefined ? 'missing' : 'empty'}`,
        );
    } catch (error) {
      mistakes.push(`${name}_FILE: expected a file that ${who()} may read, got "${file}": ${messageOf(error)}`);
    }
  }
  return { values, mistakes };
}

function combinedMistakes(values: Values): string[] {
  const { JOBSPOOL_USER: user, JOBSPOOL_PASSWORD: password, JOBSPOOL_TOKEN: token } = values;
  const { JOBSPOOL_VIEWER_USER: viewer, JOBSPOOL_VIEWER_PASSWORD: viewerPassword, JOBSPOOL_VIEWER_TOKEN: viewerToken } = values;
  const { JOBSPOOL_HOST: host, JOBSPOOL_AUTH: auth } = values;
  const isOpen = !password && !token && !viewerPassword && !viewerToken;
  const mistakes: string[] = [];
  if (isOpen && !isLoopback(host) && auth !== 'none')
    mistakes.push(
      `JOBSPOOL_HOST: "${host}" is not loopback, so a JOBSPOOL_PASSWORD or JOBSPOOL_TOKEN is required; JOBSPOOL_AUTH=none does without, and lets anybody who reaches the port in`,
    );
  // What is the same for both would not say who it is.
  if (password && viewerPassword && user === viewer)
    mistakes.push(`JOBSPOOL_VIEWER_USER: expected another name than that of JOBSPOOL_USER, got ${JSON.stringify(viewer)} for both`);
  if (token && token === viewerToken) mistakes.push('JOBSPOOL_VIEWER_TOKEN: expected another token than JOBSPOOL_TOKEN, got the same');
  return mistakes;
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);

function toConfig(values: Values, cores: number): Config {
  return {
    dir: values.JOBSPOOL_DIR,
    jobs: values.JOBSPOOL_JOBS || undefined,
    runners: values.JOBSPOOL_RUNNERS || cores,
    host: values.JOBSPOOL_HOST,
    port: values.JOBSPOOL_PORT,
    basePath: values.JOBSPOOL_BASE_PATH,
    user: values.JOBSPOOL_USER,
    password: values.JOBSPOOL_PASSWORD || undefined,
    token: values.JOBSPOOL_TOKEN || undefined,
    viewerUser: values.JOBSPOOL_VIEWER_USER,
    viewerPassword: values.JOBSPOOL_VIEWER_PASSWORD || undefined,
    viewerToken: values.JOBSPOOL_VIEWER_TOKEN || undefined,
    auth: values.JOBSPOOL_AUTH,
    readOnly: values.JOBSPOOL_READ_ONLY,
    policy: {
      ...DEFAULT_POLICY,
      retries: values.JOBSPOOL_RETRIES,
      retryDelayMs: values.JOBSPOOL_RETRY_DELAY,
      backoff: values.JOBSPOOL_BACKOFF,
      timeoutMs: values.JOBSPOOL_TIMEOUT,
    },
    shutdownGraceMs: values.JOBSPOOL_SHUTDOWN_GRACE,
    killGraceMs: values.JOBSPOOL_KILL_GRACE,
    staleMs: values.JOBSPOOL_STALE,
    scanMs: values.JOBSPOOL_SCAN,
    watch: values.JOBSPOOL_WATCH,
    durability: values.JOBSPOOL_DURABILITY,
    keepCompletedMs: values.JOBSPOOL_KEEP_COMPLETED,
    keepFailedMs: values.JOBSPOOL_KEEP_FAILED,
    keepLogsMs: values.JOBSPOOL_KEEP_LOGS,
    minFreeBytes: values.JOBSPOOL_MIN_FREE,
    logLevel: values.JOBSPOOL_LOG_LEVEL,
  };
}

// A flag that names no value is not given.
const inOrder = (environment: Environment, flags: Environment): Environment => ({ ...environment, ...defined(flags) });

const defined = (flags: Environment): Environment => Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
