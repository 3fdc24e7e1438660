import { defineAllowlist } from '../../jobs/define-allowlist.ts';

/** How many jobs that only wait one runner runs at once. Where it is 1 nothing is shared, as in most services. */
const SHARED = Number(process.env.BENCH_SHARED ?? 1);

export default defineAllowlist({
  Bench: { module: './handlers.ts', methods: { work: {}, wait: SHARED > 1 ? { isolation: 'shared', concurrency: SHARED } : {} } },
});
