import { spawn } from 'node:child_process';
import path from 'node:path';
import { runBackgroundJobs } from '../../jobs/run-background-job.ts';
import type { Enqueued, Planned, Producer } from './plan.ts';

/** Enqueues each request through its producer, all three at once, and returns them with their ids. */
export async function enqueue(dir: string, planned: Planned[]): Promise<Enqueued[]> {
  const parts = (Object.keys(PRODUCERS) as Producer[]).map(async (producer) => {
    const part = planned.filter((job) => job.producer === producer);
    const ids = await PRODUCERS[producer](dir, part);
    if (ids.length !== part.length) throw new Error(`enqueue by ${producer}: expected ${part.length} ids, got ${ids.length}`);
    return part.map((job, index) => ({ ...job, id: ids[index] as string }));
  });
  return (await Promise.all(parts)).flat();
}

const PRODUCERS: Record<Producer, (dir: string, jobs: Planned[]) => Promise<string[]>> = {
  async bash(dir, jobs) {
    const prefix = `bash-${Date.now()}`;
    const ids = jobs.map((_, index) => `${prefix}-${String(index).padStart(4, '0')}`);
    const list = jobs.map((job, index) => `p${job.priority}-${runAt(job.delay)}-${ids[index]}.json\t${textOf(job)}\n`);
    await run('bash', ['produce.sh'], dir, list.join(''));
    return ids;
  },

  async python(dir, jobs) {
    const list = jobs.map(({ body, ...job }) => `${JSON.stringify({ ...job, body })}\n`);
    return (await run('python3', ['produce.py'], dir, list.join(''))).split('\n').filter(Boolean);
  },

  async helper(dir, jobs) {
    const batch = jobs.map(({ body, priority, delay }) => {
      if (typeof body === 'string') throw new Error('the helper writes no broken requests');
      return { ...body, priority, delay };
    });
    // A hundred at a time: more would be lines of a batch, and what is looked at here is a file per job.
    const ids: string[] = [];
    for (let from = 0; from < batch.length; from += 100) ids.push(...(await runBackgroundJobs(batch.slice(from, from + 100), { dir })));
    return ids;
  },
};

// Epoch seconds, one of the forms of the file name; cut off, so one more.
const runAt = (delay: number): string => (delay === 0 ? 'now' : String(Math.floor(Date.now() / 1_000) + delay + 1));

const textOf = ({ body }: Planned): string => (typeof body === 'string' ? body : JSON.stringify(body));

function run(program: string, args: string[], dir: string, input: string): Promise<string> {
  const child = spawn(program, args, {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, JOBSPOOL_DIR: path.resolve(dir), PYTHONDONTWRITEBYTECODE: '1' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program} ${args.join(' ')}: exit code ${code}`))));
  });
}
