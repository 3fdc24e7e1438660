import { defineAllowlist } from '../../jobs/define-allowlist.ts';

export default defineAllowlist({ Bench: { module: './handlers.ts', methods: { work: {} } } });
