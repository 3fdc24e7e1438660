import { parseArgs } from 'node:util';
import type { Sizes } from './scenario.ts';

export type Options = {
  scenarios: string[] | undefined;
  contenders: string[] | undefined;
  reps: number;
  jobs: number;
  disk: string;
  json: string | undefined;
  page: boolean;
  sizes: Sizes;
};

export const USAGE = `Measures Jobspool and its peers side by side. Usage: npm run bench -- [OPTIONS]
  --quick               the scenarios and contenders that most goals are about, three repetitions
  --scenario A,B        only these (a trailing * stands for anything)
  --contender A,B       only these, likewise; "floor" for the bare loops
  --reps 5              repetitions, interleaved
  --jobs 10000          jobs of a scenario; slow contenders get a share
  --disk ext4           ext4 (loop-mounted, needs root), tmpfs, or a folder
  --many 1000000        pending or scheduled jobs of the scaling rows
  --few 10000           against so few
  --idle-seconds 15     for how long an idle service is watched
  --json FILE           writes all measurements
  --page                writes the page, test/bench/README.md
  --list                names scenarios and contenders, and what is missing`;

/** Reads the command line; throws for what it does not know. */
export function readOptions(args: string[]): Options & { list: boolean; help: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      scenario: { type: 'string', multiple: true },
      contender: { type: 'string', multiple: true },
      reps: { type: 'string' },
      jobs: { type: 'string', default: '10000' },
      disk: { type: 'string', default: 'ext4' },
      many: { type: 'string', default: '1000000' },
      few: { type: 'string', default: '10000' },
      'idle-seconds': { type: 'string', default: '15' },
      json: { type: 'string' },
      page: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    scenarios: namesIn(values.scenario) ?? (values.quick ? QUICK.scenarios : undefined),
    contenders: namesIn(values.contender) ?? (values.quick ? QUICK.contenders : undefined),
    reps: whole('reps', values.reps ?? (values.quick ? '3' : '5')),
    jobs: whole('jobs', values.jobs),
    disk: values.disk,
    json: values.json,
    page: values.page,
    sizes: { many: whole('many', values.many), few: whole('few', values.few), idleSeconds: whole('idle-seconds', values['idle-seconds']) },
    list: values.list,
    help: values.help,
  };
}

/** Whether a name is one of those asked for. */
export const isChosen = (name: string, patterns: readonly string[] | undefined): boolean =>
  patterns === undefined || patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern));

const QUICK = {
  scenarios: ['drain', 'flow', 'flow-full', 'idle', 'producers*', 'batch*', 'idle-service'],
  contenders: [
    'jobspool*',
    'uwsgi',
    'bee-queue',
    'bee-queue-always',
    'bullmq-everysec',
    'bullmq-always',
    'graphile-worker-tuned',
    'pg-boss-tuned',
    'floor',
  ],
};

const namesIn = (given: string[] | undefined): string[] | undefined => given?.flatMap((names) => names.split(','));

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name}: expected a whole number from 1, got ${JSON.stringify(text)}`);
  return number;
}
