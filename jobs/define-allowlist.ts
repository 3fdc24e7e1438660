import { z } from 'zod';
import { RequestPolicy } from '../spool/request.ts';

/** `warm`: the runner serves job after job. `fresh`: each attempt has a process of its own. */
const Isolation = z.enum(['warm', 'fresh']);

const isSchema = (value: unknown): value is z.ZodType =>
  value instanceof z.ZodType || (typeof value === 'object' && value !== null && '_zod' in value);

export const MethodPolicy = z.strictObject({
  ...RequestPolicy.shape,
  params: z.union([z.custom<z.ZodType>(isSchema), z.record(z.string(), z.unknown())]).optional(),
  maxDelay: RequestPolicy.shape.retryDelay,
  retryOn: z.array(z.string()).optional(),
  noRetryOn: z.array(z.string()).optional(),
  isolation: Isolation.optional(),
});

/** How a method may be called and how its failures are met. `params`: a zod schema, or a JSON Schema in the JSON form. */
export type MethodPolicy = z.infer<typeof MethodPolicy>;

const Methods = z.record(z.string(), MethodPolicy);

/** A class of a JavaScript or TypeScript module. */
export const ModuleEntry = z.strictObject({
  /** Relative to the allow-list's file. */
  module: z.string().min(1),
  /** The name the class is exported by; default: the class name. */
  export: z.string().min(1).optional(),
  methods: Methods,
});

/** A program in any language. */
export const CommandEntry = z.strictObject({
  /** The program and its arguments; no shell sees them. It runs in the folder of the allow-list's file. */
  command: z.array(z.string().min(1)).min(1),
  methods: Methods,
});

export type AllowlistEntry = z.infer<typeof ModuleEntry> | z.infer<typeof CommandEntry>;

/** The only handlers that may run: class, module or command, methods, and their policies. */
export type AllowlistShape = Record<string, AllowlistEntry>;

/** Types an allow-list: `export default defineAllowlist({ … })`. Returns it unchanged. */
export function defineAllowlist<const A extends AllowlistShape>(allowlist: A): A {
  return allowlist;
}
