import type { Contender, Durability } from './contender.ts';

/** What is measured of a contender in a scenario. */
export type Figures = Partial<Record<Figure, number>>;

/** Each figure with the head of its column and its digits. */
export const FIGURES = {
  perSecond: { head: 'jobs/s', digits: 0 },
  ofIdeal: { head: 'of the ideal', digits: 3 },
  p50Ms: { head: 'p50 ms', digits: 2 },
  p99Ms: { head: 'p99 ms', digits: 2 },
  firstJobMs: { head: 'first job ms', digits: 0 },
  jobUs: { head: 'µs a job', digits: 1 },
  floorUs: { head: 'µs bare loop', digits: 1 },
  timesFewPending: { head: '× few pending', digits: 2 },
  cpuPercent: { head: 'CPU %', digits: 2 },
  cpuPer1000: { head: 'CPU s/1,000', digits: 3 },
  peakMb: { head: 'peak MB', digits: 0 },
} as const;

export type Figure = keyof typeof FIGURES;

/** One measurement to be made: by whom, where, with how many jobs. */
export type Bout = { contender: Contender; folder: string; tally: string; jobs: number; sizes: Sizes };

/** How large the scaling rows are: `many` against `few` pending jobs, and for how long an idle service is watched. */
export type Sizes = { many: number; few: number; idleSeconds: number };

export type Scenario = {
  name: string;
  /** What `cannot` of a contender may name instead; default: the name. */
  group?: string;
  title: string;
  durability: Durability;
  /** The figure that the spread is told of. */
  main: Figure;
  /** How many jobs, of the number asked for; default all. */
  jobs?: (asked: number) => number;
  payloadBytes?: number;
  /** At most so many repetitions: dear ones are made once. */
  maxReps?: number;
  /** Only Jobspool is measured. */
  isOwn?: boolean;
  /** Only those that name it take part. */
  byInvitation?: boolean;
  measure(bout: Bout): Promise<Figures>;
};

/** Whether a contender is measured in a scenario: those that survive the same. */
export function takesPart(contender: Contender, { name, group = name, durability, isOwn, byInvitation }: Scenario): boolean {
  if (isOwn) return contender.name === 'jobspool';
  if (contender.only || byInvitation) return contender.only?.includes(name) ?? false;
  return contender.durability === durability && !contender.cannot?.some((one) => one === name || one === group);
}
