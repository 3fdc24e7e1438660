import { MAX_PRIORITY, parseJobName } from '../filename.ts';
import { runAtOf } from '../order.ts';
import { overdueMs } from '../overdue.ts';
import type { Entry } from './job-folder.ts';
import type { Known } from './known.ts';
import { orderOf } from './lines.ts';
import { firstThat } from './sorted.ts';

/** How long the job that is due longest has been waiting, in milliseconds; undefined when none is due. `now` in milliseconds since the epoch. */
export function oldestPendingMs({ spool, waiting }: Known, now: number): number | undefined {
  const { accepted, incoming } = waiting.items('pending', now);
  const heads = [
    ...firstOfEachPriority(accepted),
    ...waiting.items('retrying', now).accepted.slice(0, 1),
    ...incoming.slice(0, MAX_INCOMING),
  ];
  const waits = heads.flatMap(({ folder, name, lines }) => {
    const runAt = lines?.runAt ?? (parseJobName(name) ? runAtOf(name) : 0);
    return runAt > now ? [] : (overdueMs(spool, lines?.file ?? `${spool[folder]}/${name}`, runAt, now) ?? []);
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

// In the order in which they run, those of a priority stand by their run-at.
function firstOfEachPriority(entries: readonly Entry[]): Entry[] {
  const heads = new Set<Entry>();
  for (let priority = MAX_PRIORITY; priority >= 1; priority--) {
    const head = entries[firstThat(entries, (entry) => Number.parseInt(orderOf(entry).slice(1), 10) <= priority)];
    if (head) heads.add(head);
  }
  return [...heads];
}

/** Of requests that are not accepted yet, so many are looked at: ids made by us ascend, so that the first are the oldest. */
const MAX_INCOMING = 20;
