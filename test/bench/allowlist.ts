import { defineAllowlist } from '../../jobs/define-allowlist.ts';

type CommandOfJob = { command: string[]; protocol: 'once' | 'lines' };

/** How many jobs that only wait one runner runs at once. Where it is 1 nothing is shared, as in most services. */
const SHARED = Number(process.env.BENCH_SHARED ?? 1);

/** A program in another language does the jobs, by this protocol. */
const COMMAND = process.env.BENCH_JOB === undefined ? undefined : (JSON.parse(process.env.BENCH_JOB) as CommandOfJob);

export default defineAllowlist({
  Bench: COMMAND
    ? { ...COMMAND, methods: { work: {} } }
    : { module: './handlers.ts', methods: { work: {}, wait: SHARED > 1 ? { isolation: 'shared', concurrency: SHARED } : {} } },
});
