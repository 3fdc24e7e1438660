import fs from 'node:fs';
import path from 'node:path';

/** Where the job must end. */
export type Fate = 'completed' | 'failed' | 'cancelled' | 'rejected';
export type Producer = 'bash' | 'python' | 'helper';

/** A request, not yet enqueued. `delay` in seconds; a `body` that is text is written as it is. */
export type Planned = {
  fate: Fate;
  producer: Producer;
  priority: number;
  delay: number;
  body: Body | string;
};

export type Body = { class: string; method: string; params: string[]; retries?: number; retryDelay?: string };

/** What was enqueued, under its id. */
export type Enqueued = Planned & { id: string };

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PACKAGES = ['typescript', 'zod'];
const PRODUCERS: Producer[] = ['bash', 'python', 'helper'];
/** Every so manieth job is scheduled. */
const SCHEDULED_EVERY = 97;

/** One gzip job for each regular file of the packages, with mixed producers, priorities and a few run-ats. */
export function planFiles(output: string): Planned[] {
  return inputs().map((file, index) => ({
    fate: 'completed',
    producer: PRODUCERS[index % PRODUCERS.length] as Producer,
    priority: ((index * 7) % 10) + 1,
    // Some seconds: they come due while the others run.
    delay: index % SCHEDULED_EVERY === SCHEDULED_EVERY - 1 ? 3 + (index % 5) : 0,
    body: gzip(path.join(ROOT, 'node_modules', file), path.join(output, `${file}.gz`)),
  }));
}

/** The requests that must not complete. */
export function planMisfits(output: string): Planned[] {
  const nowhere = (name: string) => path.join(output, 'nowhere', name);
  const missing = (name: string): Body => ({ ...gzip(nowhere(name), nowhere(`${name}.gz`)), retries: 2, retryDelay: '200ms' });
  const real = path.join(ROOT, 'package.json');
  return [
    { fate: 'failed', producer: 'bash', priority: 9, delay: 0, body: missing('first') },
    { fate: 'failed', producer: 'helper', priority: 5, delay: 0, body: missing('second') },
    { fate: 'failed', producer: 'bash', priority: 1, delay: 2, body: missing('third') },
    { fate: 'rejected', producer: 'python', priority: 5, delay: 0, body: { class: 'Nobody', method: 'gzip', params: [] } },
    { fate: 'rejected', producer: 'python', priority: 5, delay: 0, body: { class: 'CompressFile', method: 'constructor', params: [] } },
    { fate: 'rejected', producer: 'bash', priority: 5, delay: 0, body: '{"class":"CompressFile","method":' },
    { fate: 'rejected', producer: 'bash', priority: 5, delay: 0, body: 'gzip package.json, please' },
    { fate: 'cancelled', producer: 'helper', priority: 10, delay: 86_400, body: gzip(real, nowhere('tomorrow.gz')) },
    // The last of all to start: its cancellation comes long before its turn.
    { fate: 'cancelled', producer: 'bash', priority: 1, delay: 0, body: gzip(real, nowhere('cancelled.gz')) },
  ];
}

function gzip(input: string, output: string): Body {
  return { class: 'CompressFile', method: 'gzip', params: [input, output] };
}

function inputs(): string[] {
  const modules = path.join(ROOT, 'node_modules');
  return PACKAGES.flatMap((name) =>
    fs
      .readdirSync(path.join(modules, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(modules, path.join(entry.parentPath, entry.name))),
  ).sort();
}
