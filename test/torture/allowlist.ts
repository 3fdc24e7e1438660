import { defineAllowlist } from '../../jobs/define-allowlist.ts';

export default defineAllowlist({
  Work: {
    module: './work.ts',
    methods: {
      noop: {},
      wait: {},
      spin: {},
      child: {},
      print: {},
      failUntil: { retryDelay: '100ms', backoff: 'fixed' },
      fail: { retryDelay: '100ms' },
      permanent: {},
      snooze: {},
      hang: {},
      fresh: { isolation: 'fresh' },
      suicide: {},
      beside: { isolation: 'shared', concurrency: 8 },
    },
  },
  Tool: { command: ['sh', './work.sh'], methods: { done: {}, fail: {}, later: { retryDelay: '200ms' } } },
});
