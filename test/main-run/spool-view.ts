import fs from 'node:fs';
import path from 'node:path';
import { waitFor } from '../support/wait-for.ts';

/** Folders in which a job that is not over has its file. */
const LIVE = ['incoming', 'pending', 'retrying', 'running'];

/** A line of the service's logs, as far as the main run looks at it. */
export type LogLine = {
  time: string;
  level: string;
  event?: string;
  id?: string;
  attempt?: number;
  priority?: number;
  durationMs?: number;
  reason?: string;
  err?: { message?: string; stack?: string };
};

export type LedgerLine = {
  id: string;
  params: string[];
  priority: number;
  attempts: { outcome: string }[];
  result?: { inputBytes: number };
};

export type JobFile = { name: string; id: string; attempts: { number: number; outcome: string; error?: { message: string } }[] };

/** The spool as a person sees it: folders and files, read without Jobspool's own code. */
export class SpoolView {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  pause(): void {
    fs.writeFileSync(path.join(this.dir, 'paused'), '');
  }

  resume(): void {
    fs.rmSync(path.join(this.dir, 'paused'));
  }

  touchCancel(id: string): void {
    fs.writeFileSync(path.join(this.dir, 'cancel', id), '');
  }

  names(folder: string): string[] {
    return fs.readdirSync(path.join(this.dir, folder));
  }

  /** Every file in a folder and those below it. */
  files(folder: string): string[] {
    const entries = fs.readdirSync(path.join(this.dir, folder), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => path.relative(this.dir, path.join(entry.parentPath, entry.name)));
  }

  /** The jobs of `failed/` or `cancelled/`. */
  jobs(folder: 'failed' | 'cancelled'): JobFile[] {
    return this.names(folder).map((name) => {
      const { attempts = [] } = JSON.parse(this.#read(folder, name)) as Partial<JobFile>;
      return { name, id: nameParts(name).id, attempts };
    });
  }

  /** Why each file in `rejected/` is there. */
  reasons(): string[] {
    const names = this.names('rejected').filter((name) => !name.endsWith('.reason.json'));
    return names.map((name) => (JSON.parse(this.#read('rejected', `${name}.reason.json`)) as { reason: string }).reason);
  }

  ledger(): LedgerLine[] {
    const files = this.files('completed').filter((name) => name.endsWith('.ndjson'));
    return files.flatMap((name) => ndjson<LedgerLine>(this.#read(name)));
  }

  /** A log with its rotated files (a run may cross midnight), oldest line first. */
  log(name: 'background_jobs' | 'background_jobs_errors'): LogLine[] {
    const files = this.names('logs').filter((file) => file.startsWith(`${name}.`));
    return files.sort().flatMap((file) => ndjson<LogLine>(this.#read('logs', file)));
  }

  /** Whether no job waits or runs, and `count` have ended one way or another. */
  isOver(count: number): boolean {
    const isEmpty = LIVE.every((folder) => this.files(folder).every((file) => !file.endsWith('.json')));
    return isEmpty && this.ledger().length + this.jobs('failed').length + this.jobs('cancelled').length + this.reasons().length >= count;
  }

  /** Waits up to two minutes. */
  async until(check: () => boolean, what: string): Promise<void> {
    await waitFor(check, what, { timeoutMs: 120_000 });
  }

  #read(...parts: string[]): string {
    return fs.readFileSync(path.join(this.dir, ...parts), 'utf8');
  }
}

/** What the canonical name of an accepted job says; `runAt` in milliseconds since the epoch. */
export function nameParts(name: string): { priority: number; runAt: number; id: string } {
  const match = /^p(\d+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z-(.+)\.json$/.exec(name);
  if (!match) throw new Error(`expected a canonical name, got ${name}`);
  const [, priority, year, month, day, hour, minute, second, id] = match;
  return { priority: Number(priority), runAt: Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`), id: id as string };
}

function ndjson<T>(text: string): T[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
