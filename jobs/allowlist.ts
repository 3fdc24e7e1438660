/** What may run here. Everything else is rejected. See the README for the form and for the JSON variant. */
import { z } from 'zod';
import { defineAllowlist } from './define-allowlist.ts';

export default defineAllowlist({
  ExampleJob: {
    module: './examples/example-job.ts',
    methods: { execute: { params: z.tuple([z.string()]) } },
  },
});
