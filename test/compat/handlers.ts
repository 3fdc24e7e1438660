/** The handlers of the kept spools. What keeps them from their end while a spool is made is gone when it is drained. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jobContext, Snooze } from '../../jobs/handler.ts';

/** Set while a spool is made. */
const isMaking = process.env.JOBSPOOL_COMPAT === 'make';

export class Work {
  done(value: unknown): unknown {
    jobContext().log.info('at work', { value });
    return { value };
  }

  /** Runs for as long as a spool is made. */
  async hold(): Promise<void> {
    const { signal, progress } = jobContext();
    progress(50);
    if (isMaking) await sleep(600_000, undefined, { signal });
  }

  broken(): void {
    if (isMaking) throw new Error('the server answers 503: try again later');
  }

  brokenOnce(): void {
    if (isMaking && jobContext().attempt === 1) throw new TypeError('not at the first time');
  }

  brokenForLong(): void {
    this.broken();
  }

  later(): void {
    if (isMaking) throw new Snooze('30d');
  }
}
