import type { z } from 'zod';

/** An answer of a route for the document: JSON of a schema. */
export const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { 'application/json': { schema } },
});
