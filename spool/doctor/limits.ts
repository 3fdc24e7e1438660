/** The limits of this process, which the service has too when it is started in the same way, and what it needs. */
import { type Answer, ok, warn } from './finding.ts';

/** Descriptors of a dispatcher: for each runner its channel and its output, beside those of its own, its log and its dashboard. */
const FILES_OF_DISPATCHER = 200;
const FILES_PER_RUNNER = 4;
/** A process of Node has about so many threads, and each counts. */
const THREADS = 16;

/** `limits`: the text of /proc/self/limits. */
export function openFiles(limits: string, runners: number): Answer {
  const limit = softLimit(limits, 'Max open files');
  const need = FILES_OF_DISPATCHER + FILES_PER_RUNNER * runners;
  const words = `${inWords(limit)} files may be open at once (ulimit -n); ${runners} runners and the dashboard need about ${need}`;
  return limit >= need ? ok(words) : warn(`${words}: raise it (ulimit -n ${roundUp(need)}, or LimitNOFILE= of systemd)`);
}

/** `pidsMax`: the limit of the control group, where it has one. Root has none of its own. */
export function processes(limits: string, pidsMax: string | undefined, runners: number, isRoot: boolean): Answer {
  const own = isRoot ? Number.POSITIVE_INFINITY : softLimit(limits, 'Max processes');
  const group = pidsMax === undefined || pidsMax.trim() === 'max' ? Number.POSITIVE_INFINITY : Number(pidsMax);
  const limit = Math.min(own, group);
  const need = THREADS * (runners + 2);
  const words = `${inWords(limit)} processes and threads may run; ${runners} runners need about ${need}`;
  if (limit >= need) return ok(words);
  return warn(
    `${words}: raise ${group < own ? 'pids.max of the control group (TasksMax= of systemd, --pids-limit of Docker)' : 'ulimit -u'}, or lower JOBSPOOL_RUNNERS`,
  );
}

/** A runner with a job in it takes about so much memory. */
const RUNNER_BYTES = 100 * 1_048_576;

/** `memory`: what the machine, or the control group, has left. */
export function memory(available: number, runners: number): Answer {
  const words = `${Math.floor(available / 1_048_576)} MiB of memory are available; ${runners} runners need about ${(runners * RUNNER_BYTES) / 1_048_576} MiB, and what their jobs use`;
  return available >= runners * RUNNER_BYTES
    ? ok(words)
    : warn(`${words}: lower JOBSPOOL_RUNNERS, or the kernel kills runners in the middle of their jobs`);
}

function softLimit(limits: string, name: string): number {
  const text = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(limits)?.[1];
  return text === undefined || text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}

const inWords = (limit: number): string => (Number.isFinite(limit) ? String(limit) : 'any number of');
const roundUp = (count: number): number => Math.max(1_024, 2 ** Math.ceil(Math.log2(count)));
