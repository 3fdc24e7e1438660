/**
 * What may run here; everything else is rejected. Each class names its module or command and the methods that may be called. A method's
 * policy holds where the request says nothing, and the service's defaults where the method says nothing.
 */
import { z } from 'zod';
import { defineAllowlist } from './define-allowlist.ts';

export default defineAllowlist({
  ExampleJob: {
    // Relative to this file. The class is exported under its own name; `export` would name another.
    module: './examples/example-job.ts',
    // A tuple checks positional parameters before anything is loaded: a request that breaks it is rejected with the reason.
    methods: { execute: { params: z.tuple([z.string()]) } },
  },
  CompressFile: {
    module: './examples/compress-file.ts',
    methods: {
      gzip: {
        params: z.tuple([z.string().min(1), z.string().min(1)]),
        // A full disk stays full for a while: what frees it comes from outside, so another attempt at once is of no use.
        noRetryOn: ['ENOSPC'],
        timeout: '2h',
      },
    },
  },
  FetchUrl: {
    module: './examples/fetch-url.ts',
    methods: {
      head: {
        params: z.tuple([z.url({ protocol: /^https?$/ })]),
        // A server that is down is asked again after 2, 4, 8 … seconds, but never less often than each minute.
        retries: 5,
        retryDelay: '2s',
        backoff: 'exponential',
        maxDelay: '1m',
        timeout: '30s',
      },
    },
  },
  WordCount: {
    // A handler in any language. No shell is involved, and it runs in the folder of this file.
    command: ['python3', 'examples/word_count.py'],
    methods: {
      // An object as params is one argument. Exit 75 ("no such file yet") waits for the retry delay and spends no attempt.
      count: { params: z.strictObject({ path: z.string().min(1) }), retryDelay: '10s' },
    },
  },
});
