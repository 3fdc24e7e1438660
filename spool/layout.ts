import path from 'node:path';

/** The version of the spool on disk that this code reads and writes. */
export const SPOOL_VERSION = 1;

/** Beside a rejected file stands its reason, under the same name with this ending. */
export const REASON_ENDING = '.reason.json';

/** The two logs of the service, in `logs/`. */
export const EVENTS_FILE = 'background_jobs.log';
export const ERRORS_FILE = 'background_jobs_errors.log';

/**
 * Of the names in `logs/`, those of a service log's files of earlier days, newest first: `background_jobs.2026-11-21.log`, and later on that
 * day `….2026-11-21.2.log`.
 */
export function rotatedNames(log: string, names: readonly string[]): string[] {
  const stem = path.parse(log).name;
  const dated = names.flatMap((name) => {
    const match = name.startsWith(`${stem}.`) ? ROTATED.exec(name.slice(stem.length)) : null;
    return match ? [{ name, day: match[1] as string, number: Number(match[2] ?? 1) }] : [];
  });
  return dated.sort((a, b) => (a.day === b.day ? b.number - a.number : a.day < b.day ? 1 : -1)).map(({ name }) => name);
}

const ROTATED = /^\.(\d{4}-\d{2}-\d{2})(?:\.(\d{1,6}))?\.log$/;

/** The ending of the marker that asks a runner to finish and go, beside its slot. */
export const DRAIN_ENDING = '.drain';

/** Where everything in a spool is. A pure function of its folder. */
export type Layout = ReturnType<typeof layout>;

export function layout(dir: string) {
  const root = path.resolve(dir);
  const at = (place: string) => path.join(root, place);
  // These are asked for several times for each job: put together, not joined.
  const [running, completed, cancel, rejected] = [at('running'), at('completed'), at('cancel'), at('rejected')];
  const jobLogs = at('logs/jobs');
  return {
    root,
    version: at('version'),
    tmp: at('tmp'),
    incoming: at('incoming'),
    pending: at('pending'),
    retrying: at('retrying'),
    running,
    completed,
    failed: at('failed'),
    cancelled: at('cancelled'),
    rejected,
    cancel,
    paused: at('paused'),
    logs: at('logs'),
    jobLogs,

    /** Beside a slot's folder `running/<slot>/` stand files of the same name with these endings. */
    slot: (slot: string) => `${running}/${slot}`,
    lock: (slot: string) => `${running}/${slot}.lock`,
    holder: (slot: string) => `${running}/${slot}.holder`,
    output: (slot: string) => `${running}/${slot}.out`,
    progress: (slot: string) => `${running}/${slot}.progress`,
    result: (slot: string) => `${running}/${slot}.result`,
    lines: (slot: string) => `${running}/${slot}.lines`,
    drain: (slot: string) => `${running}/${slot}${DRAIN_ENDING}`,

    claimed: (slot: string, name: string) => `${running}/${slot}/${name}`,
    cancelMarker: (id: string) => `${cancel}/${id}`,
    reason: (name: string) => `${rejected}/${name}${REASON_ENDING}`,
    ledger: (day: string, slot: string) => `${completed}/${day}/${slot}.ndjson`,
    ledgerDay: (day: string) => `${completed}/${day}`,
    jobLog: (id: string) => `${jobLogs}/${id}.log`,
  };
}

/** The folders of a spool, in the order in which they are made. */
export const FOLDERS = [
  'tmp',
  'incoming',
  'pending',
  'retrying',
  'running',
  'completed',
  'failed',
  'cancelled',
  'rejected',
  'cancel',
  'logs',
  'jobLogs',
] as const satisfies (keyof Layout)[];

/** `2026-11-22`: the UTC day a time falls on, as the ledger's folders and the rotated logs are named. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
