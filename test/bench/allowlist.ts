import { defineAllowlist } from '../../jobs/define-allowlist.ts';

export default defineAllowlist({ Bench: { module: './bench.ts', methods: { noop: {}, mark: {} } } });
