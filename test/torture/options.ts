import { parseArgs } from 'node:util';

export const SCENARIOS = ['torture', 'dispatchers', 'soak'] as const;

export type Options = {
  scenario: (typeof SCENARIOS)[number];
  minutes: number;
  seed: number;
  dispatchers: number;
  runners: number;
  durability: 'none' | 'full';
  dir: string | undefined;
  kills: number;
  rate: number;
  jobs: number;
  json: boolean;
};

export const USAGE = `npm run torture -- [--scenario torture|dispatchers|soak] [--minutes 30] [--seed N] [--kills N] [--dispatchers 4] [--runners 2]
    [--durability none|full] [--rate 10] [--jobs 20000] [--dir FOLDER] [--json]

torture      producers submit while dispatchers, runners and producers are killed, stopped and told to end, at random; then a soak of a third of the time
dispatchers  --jobs jobs on one spool; then priorities, and whether each dispatcher had its share
soak         a steady load; the growth of memory, descriptors, threads and files is measured each minute

The seed decides what is done and when (in milliseconds since the beginning); which process is there to be hit, and how far it is, the machine decides.`;

/** Reads the command line; throws an Error with a sentence for what it does not understand. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: 'string', default: 'torture' },
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string' },
      dispatchers: { type: 'string', default: '4' },
      runners: { type: 'string', default: '2' },
      durability: { type: 'string', default: 'full' },
      dir: { type: 'string' },
      kills: { type: 'string' },
      rate: { type: 'string', default: '10' },
      jobs: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  });
  const minutes = number('minutes', values.minutes);
  return {
    scenario: oneOf('scenario', SCENARIOS, values.scenario),
    minutes,
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : number('seed', values.seed),
    dispatchers: number('dispatchers', values.dispatchers),
    runners: number('runners', values.runners),
    durability: oneOf('durability', ['none', 'full'], values.durability),
    dir: values.dir,
    // A thousand in half an hour.
    kills: values.kills === undefined ? Math.round((minutes * 1_000) / 30) : number('kills', values.kills),
    rate: number('rate', values.rate),
    jobs: number('jobs', values.jobs),
    json: values.json,
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0) return value;
  throw new Error(`--${name}: expected a number, got ${JSON.stringify(text)}`);
}

function oneOf<const T extends string>(name: string, values: readonly T[], text: string): T {
  const found = values.find((value) => value === text);
  if (found) return found;
  throw new Error(`--${name}: expected ${values.join(' or ')}, got ${JSON.stringify(text)}`);
}
