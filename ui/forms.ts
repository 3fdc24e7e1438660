/** What a request's query or form says, checked: nothing of it is believed before. */
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { sentence } from '../spool/request.ts';
import { isLocalPath } from './urls.ts';

/** Fields as they came: a key that came several times has all its values. Empty ones are left out, as browsers send what nobody filled in. */
export type Fields = Record<string, string | string[]>;

/** What a schema made of fields, or the sentences that say what is wrong with them. */
export type CheckedFields<T> = { ok: true; value: T } | { ok: false; mistakes: string[] };

/** A field that may be given any number of times: always a list. */
export const several = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((value) => (value === undefined ? [] : [value].flat()));

/** The form that was posted. Throws HTTPException: 415 when there is none, 422 with a sentence for each mistake; fields that the schema does not know are mistakes. */
export async function readForm<S extends z.ZodObject>(context: Context, schema: S): Promise<z.output<S>> {
  return valueOrThrow(checkFields(await formFields(context), schema), 422);
}

/** The query of the address. Throws HTTPException 400 with a sentence for each mistake; keys that the schema does not know are mistakes. */
export function readQuery<S extends z.ZodObject>(context: Context, schema: S): z.output<S> {
  return valueOrThrow(checkFields(queryFields(context), schema), 400);
}

/** The fields of the form that was posted, unchecked: for a form that is shown again with its mistakes. Throws HTTPException 415 when there is none. */
export async function formFields(context: Context): Promise<Fields> {
  try {
    return fieldsOf(await context.req.formData());
  } catch (cause) {
    const got = context.req.header('Content-Type') ?? 'no content type';
    throw new HTTPException(415, { message: `read the form: expected application/x-www-form-urlencoded, got ${got.slice(0, 100)}`, cause });
  }
}

/** The query's parameters, unchecked. */
export const queryFields = (context: Context): Fields => fieldsOf(new URL(context.req.url).searchParams);

/** Fields against a schema. */
export function checkFields<S extends z.ZodObject>(fields: Fields, schema: S): CheckedFields<z.output<S>> {
  const result = schema.strict().safeParse(fields);
  if (result.success) return { ok: true, value: result.data as z.output<S> };
  return { ok: false, mistakes: result.error.issues.map((issue) => mistake(issue, fields)) };
}

/** Where an action leads back to: `back` if it is a path of this server, `fallback` otherwise. */
export function backOf({ back }: { back?: string | undefined }, fallback: string): string {
  return back !== undefined && isLocalPath(back) ? back : fallback;
}

function fieldsOf(entries: Iterable<[string, string | File]>): Fields {
  const fields = new Map<string, string[]>();
  for (const [key, value] of entries) {
    // An uploaded file is no field that any form of ours has.
    const text = typeof value === 'string' ? value : `the file ${value.name}`;
    if (text === '') continue;
    const values = fields.get(key);
    if (values) values.push(text);
    else fields.set(key, [text]);
  }
  return Object.fromEntries([...fields].map(([key, values]) => [key, values.length === 1 ? (values[0] as string) : values]));
}

function mistake(issue: z.core.$ZodIssue, fields: Fields): string {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `unknown field ${JSON.stringify(key.slice(0, 100))}`).join('; ');
  return sentence(issue, fields);
}

function valueOrThrow<T>(checked: CheckedFields<T>, status: 400 | 422): T {
  if (checked.ok) return checked.value;
  throw new HTTPException(status, { message: checked.mistakes.join('; ') });
}
