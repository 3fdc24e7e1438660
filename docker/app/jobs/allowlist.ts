/**
 * What runs in the image until you mount a folder of your own on /app/jobs. Start from this one: `jobspool` and `zod` are there, other
 * packages come from a node_modules beside this file.
 */
import { defineAllowlist } from 'jobspool';
import { z } from 'zod';

export default defineAllowlist({
  ExampleJob: { module: './example-job.ts', methods: { execute: { params: z.tuple([z.string()]) } } },
});
