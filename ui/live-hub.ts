/** The open pages, and the two looks that find out which of them are out of date. Nothing is looked at while no page is open. */
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../spool/errors.ts';
import type { JobStatus } from '../spool/query.ts';
import { isFinal } from '../spool/state.ts';
import type { Dashboard } from './dashboard.ts';
import { AGES_MS, gapMs, isDue, isTouchedSince, jobMark, type Marks, marksOf, type View, versionsOf } from './live-marks.ts';

/** What a page is told: it is out of date, or old; the job it shows is over; its log may have grown; the stream ends. */
export type News = 'changed' | 'aged' | 'done' | 'log' | 'bye';

export class LiveHub {
  readonly #dashboard: Dashboard;
  readonly #pages = new Set<OpenPage>();
  readonly #startLook: () => void;
  readonly #startJobLook: () => void;

  constructor(dashboard: Dashboard) {
    this.#dashboard = dashboard;
    this.#startLook = this.#beat(
      () => this.#look(),
      () => this.#pages.size > 0,
    );
    this.#startJobLook = this.#beat(
      () => this.#lookAtJobs(),
      () => this.#jobPages().length > 0,
    );
    dashboard.stopping.addEventListener('abort', () => {
      for (const page of this.#pages) page.tell('bye');
    });
  }

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  /** `seen`: the versions that the page was drawn from (`versionsOf`), and `at` when, in milliseconds since the epoch; undefined: now. */
  open(view: View, { seen, at = Date.now() }: { seen?: string | undefined; at?: number | undefined }): OpenPage {
    const marks = marksOf(this.#dashboard, view, seen);
    const page = new OpenPage(view, isTouchedSince(this.#dashboard, view, at) ? { ...marks, main: 'touched' } : marks);
    this.#pages.add(page);
    if (this.#dashboard.stopping.aborted) page.tell('bye');
    this.#startLook();
    if (view.view === 'job') this.#startJobLook();
    return page;
  }

  close(page: OpenPage): void {
    this.#pages.delete(page);
  }

  /** Looks at what the lists show. The next look comes the later, the longer this one took. */
  async #look(): Promise<number> {
    const began = performance.now();
    await this.#dashboard.catalog.refresh();
    this.#tellAll();
    return Math.min(LOOK_LATEST_MS, Math.max(LOOK_MS, LOOK_SHARE * (performance.now() - began)));
  }

  #tellAll(): void {
    const versions = versionsOf(this.#dashboard);
    const marks = new Map<string, Marks>();
    for (const page of this.#pages) {
      const key = JSON.stringify(page.view);
      const now = marks.get(key) ?? marksOf(this.#dashboard, page.view, versions);
      marks.set(key, now);
      page.compare(now, gapMs(this.#pages.size));
    }
  }

  /** Looks at each job whose page is open: at that one alone, so it can be more often. */
  async #lookAtJobs(): Promise<number> {
    const ids = new Set(this.#jobPages().map(({ view }) => view.id));
    for (const id of ids) {
      const match = await this.#dashboard.catalog.find(id, Date.now());
      for (const page of this.#jobPages()) if (page.view.id === id) page.compareJob(match?.job, gapMs(this.#pages.size));
    }
    return JOB_LOOK_MS;
  }

  #jobPages(): JobPage[] {
    return [...this.#pages].filter((page): page is JobPage => page.view.view === 'job');
  }

  /** Gives what starts looking, if it is not going on already. Each look says in how many milliseconds the next one comes. */
  #beat(look: () => Promise<number>, isWanted: () => boolean): () => void {
    let isBeating = false;
    const lookAnyway = () =>
      look().catch((error: unknown) => {
        this.#dashboard.log.warn(
          `live updates: looking at the spool failed: ${messageOf(error)}; it is tried again in ${LOOK_LATEST_MS} ms`,
        );
        return LOOK_LATEST_MS;
      });
    return async () => {
      if (isBeating) return;
      isBeating = true;
      while (isWanted()) await pause(await lookAnyway(), undefined, { ref: false });
      isBeating = false;
    };
  }
}

type JobPage = OpenPage & { view: Extract<View, { view: 'job' }> };

/** A page whose stream is open: what it shows, and what it has still to be told. */
export class OpenPage {
  readonly view: View;
  #seen: Marks;
  #toldAt = performance.now();
  #isOver = false;
  readonly #news = new Set<News>();
  #wake: (() => void) | undefined;

  constructor(view: View, seen: Marks) {
    this.view = view;
    this.#seen = seen;
  }

  compare(now: Marks, gap: number): void {
    if (this.view.view === 'job') return;
    const sinceMs = performance.now() - this.#toldAt;
    const hasChanged = isDue(this.#seen, now, sinceMs, gap);
    if (!hasChanged && sinceMs < (AGES_MS[this.view.view] ?? Number.POSITIVE_INFINITY)) return;
    this.#seen = now;
    this.#toldAt = performance.now();
    this.tell(hasChanged ? 'changed' : 'aged');
  }

  compareJob(job: JobStatus | undefined, gap: number): void {
    this.tell('log');
    const now = { main: jobMark(job), aside: '' };
    const isOver = job === undefined || isFinal(job.state);
    const hasEnded = isOver && !this.#isOver;
    this.#isOver = isOver;
    // Long enough since it was told, or the end, which is not to be waited for.
    const isNews = hasEnded ? now.main !== this.#seen.main : isDue(this.#seen, now, performance.now() - this.#toldAt, gap);
    if (!isNews) return;
    this.#seen = now;
    this.#toldAt = performance.now();
    this.tell(hasEnded ? 'done' : 'changed');
  }

  tell(news: News): void {
    this.#news.add(news);
    this.#wake?.();
  }

  /** What there is to tell, each thing once however often it happened; nothing when it stayed quiet for `ms`. */
  async take(ms: number): Promise<News[]> {
    if (this.#news.size === 0) await this.#wokenWithin(ms);
    const news = [...this.#news];
    this.#news.clear();
    return news;
  }

  #wokenWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const MAX_PAGES = 200;
const LOOK_MS = 1_000;
const LOOK_LATEST_MS = 10_000;
/** Looking takes at most one part in so many of the process's time. */
const LOOK_SHARE = 4;
const JOB_LOOK_MS = 500;
