/** What the compiler promises to those who enqueue from TypeScript. Never run: `tsc` fails when a line stops being right, or wrong. */
import { backgroundJob, cancelJob, jobStatus, runBackgroundJob, runBackgroundJobs, waitForJob } from '../../jobs/index.ts';

class HandleTakesText {
  handle(_text: string): void {}
}

class Report {
  build(_year: number, _title?: string): string {
    return '';
  }
  send(_to: { email: string; copies?: number }): void {}
  rows(_ids: string[]): void {}
  async sweep(): Promise<void> {}
  maybe(_only?: string): void {}
  notAMethod = 7;
}

class WithHandle {
  handle(): void {}
}

export async function right(): Promise<void> {
  const id: string = await runBackgroundJob(Report, 'build', [2026, 'Sales'], { priority: 8, delay: 60, retries: 3 });
  await runBackgroundJob(Report, 'build', [2026]);
  await runBackgroundJob(Report, 'build', [2026], { at: new Date(), id: 'x', timeout: '5m', backoff: 'fixed', dir: '/spool' });
  await runBackgroundJob(Report, 'send', [{ email: 'a@b.example' }]);
  await runBackgroundJob(Report, 'send', { email: 'a@b.example', copies: 2 });
  await runBackgroundJob(Report, 'rows', [['a', 'b']]);
  await runBackgroundJob(Report, 'sweep');
  await runBackgroundJob(Report, 'sweep', []);
  await runBackgroundJob(Report, 'sweep', [], { delay: '2m' });
  await runBackgroundJob(Report, 'maybe');
  await runBackgroundJob(Report, 'maybe', ['x']);
  await runBackgroundJob(WithHandle);
  await runBackgroundJob('AnyClass', 'anyMethod', [1, { two: 2 }]);
  await runBackgroundJob('AnyClass', 'anyMethod', { two: 2 }, { priority: 1 });
  await runBackgroundJob('AnyClass');
  const ids: string[] = await runBackgroundJobs([
    backgroundJob(Report, 'build', [1]),
    backgroundJob(Report, 'send', { email: 'a@b.example' }, { priority: 9 }),
    backgroundJob(Report, 'sweep'),
    { class: 'AnyClass', priority: 9 },
  ]);
  const status = await jobStatus(ids[0] ?? id);
  const state: 'scheduled' | 'pending' | 'running' | 'retrying' | 'completed' | 'failed' | 'cancelled' | 'rejected' | undefined =
    status?.state;
  await waitForJob(id, { timeout: '10s' });
  await cancelJob(state ?? id);
}

export async function wrong(): Promise<void> {
  // @ts-expect-error: a method that the class does not have
  await runBackgroundJob(Report, 'biuld', [2026]);
  // @ts-expect-error: a field is no method
  await runBackgroundJob(Report, 'notAMethod', []);
  // @ts-expect-error: a parameter of another type
  await runBackgroundJob(Report, 'build', ['2026']);
  // @ts-expect-error: a second parameter of another type
  await runBackgroundJob(Report, 'build', [2026, 7]);
  // @ts-expect-error: too many parameters
  await runBackgroundJob(Report, 'build', [2026, 'Sales', true]);
  // @ts-expect-error: too few parameters
  await runBackgroundJob(Report, 'build', []);
  // @ts-expect-error: no parameters at all
  await runBackgroundJob(Report, 'build');
  // @ts-expect-error: parameters where there are none
  await runBackgroundJob(Report, 'sweep', [1]);
  // @ts-expect-error: an object for a method that takes none
  await runBackgroundJob(Report, 'build', { year: 2026 });
  // @ts-expect-error: an object that lacks a field
  await runBackgroundJob(Report, 'send', { copies: 2 });
  // @ts-expect-error: an object with a field of another type
  await runBackgroundJob(Report, 'send', [{ email: 7 }]);
  // @ts-expect-error: a list where the one parameter is a list: it must be in a list itself
  await runBackgroundJob(Report, 'rows', ['a', 'b']);
  // @ts-expect-error: a class without `handle` needs a method
  await runBackgroundJob(Report);
  // @ts-expect-error: a class whose `handle` needs parameters
  await runBackgroundJob(HandleTakesText);
  // @ts-expect-error: an object is no class
  await runBackgroundJob(new Report(), 'build', [2026]);
  // @ts-expect-error: an option that does not exist
  await runBackgroundJob(Report, 'build', [2026], { prio: 8 });
  // @ts-expect-error: an option of another type
  await runBackgroundJob(Report, 'build', [2026], { backoff: 'linear' });
  // @ts-expect-error: a batch is a list
  await runBackgroundJobs({ class: 'Report' });
  // @ts-expect-error: a method that does not exist, in a batch
  await runBackgroundJobs([backgroundJob(Report, 'biuld', [2026])]);
  // @ts-expect-error: a parameter of another type, in a batch
  await runBackgroundJobs([backgroundJob(Report, 'build', ['2026'])]);
  // @ts-expect-error: no parameters where there must be some, in a batch
  await runBackgroundJobs([backgroundJob(Report, 'build')]);
  // @ts-expect-error: in a batch a class goes through `backgroundJob`
  await runBackgroundJobs([{ class: Report, method: 'build', params: [2026] }]);
  // @ts-expect-error: a job of a batch needs its class
  await runBackgroundJobs([{ method: 'build' }]);
}
