import type { Context } from 'hono';
import { z } from 'zod';
import { problem } from '../problem.ts';
import { titleOf } from './refusal.ts';

/** The id in a path. Not only what may be an id: a rejected file without one goes by its name. */
export const Id = z.strictObject({ id: z.string().min(1).max(300).describe("The job's id.").meta({ example: 'report-2026' }) });

/** Answers 404 for a job that nobody knows. */
export function answerUnknown(context: Context, id: string): Response {
  return problem(context, 404, titleOf(404), `No job with the id ${JSON.stringify(id)} is known.`);
}
