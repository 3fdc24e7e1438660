import { createHash } from 'node:crypto';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import type { Config } from './config.ts';
import { packageVersion } from './version.ts';

/** What all dispatchers of a spool should have in common: the version, what decides about a job, and what may run. */
export function runsOf(config: Config, { classes }: Pick<Allowlist, 'classes'>): Record<string, string> {
  const { policy, staleMs, durability, keepCompletedMs, keepFailedMs, keepLogsMs } = config;
  const names = Object.entries(classes).map(([name, { methods }]) => [name, Object.keys(methods).sort()]);
  return {
    version: packageVersion(),
    JOBSPOOL_STALE: `${staleMs} ms`,
    JOBSPOOL_DURABILITY: durability,
    JOBSPOOL_RETRIES: String(policy.retries),
    JOBSPOOL_RETRY_DELAY: `${policy.retryDelayMs} ms`,
    JOBSPOOL_BACKOFF: policy.backoff,
    JOBSPOOL_TIMEOUT: `${policy.timeoutMs} ms`,
    JOBSPOOL_KEEP_COMPLETED: `${keepCompletedMs} ms`,
    JOBSPOOL_KEEP_FAILED: `${keepFailedMs} ms`,
    JOBSPOOL_KEEP_LOGS: `${keepLogsMs} ms`,
    'the allow-list': fingerprint(names),
  };
}

// The same on every host, whatever the order in the file.
const fingerprint = (names: unknown[]): string =>
  createHash('sha256')
    .update(JSON.stringify(names.map((entry) => JSON.stringify(entry)).sort()))
    .digest('hex')
    .slice(0, 8);
