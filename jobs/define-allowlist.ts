import { z } from 'zod';
import { RequestPolicy } from '../spool/request.ts';
import { Submitters } from './submitters.ts';

/**
 * `warm`: the runner serves job after job. `fresh`: each attempt has a process of its own. `shared`: the runner runs up to `concurrency` of
 * the method's jobs at once.
 */
const Isolation = z.enum(['warm', 'fresh', 'shared']);

/** How many jobs of a shared method one runner runs at once where the method does not say. */
export const DEFAULT_CONCURRENCY = 10;
const MAX_CONCURRENCY = 1_000;
const Concurrency = z.int(`expected a whole number from 1 to ${MAX_CONCURRENCY}`);

const isSchema = (value: unknown): value is z.ZodType =>
  value instanceof z.ZodType || (typeof value === 'object' && value !== null && '_zod' in value);

const Fields = z.strictObject({
  ...RequestPolicy.shape,
  params: z.union([z.custom<z.ZodType>(isSchema), z.record(z.string(), z.unknown())]).optional(),
  maxDelay: RequestPolicy.shape.retryDelay,
  retryOn: z.array(z.string()).optional(),
  noRetryOn: z.array(z.string()).optional(),
  isolation: Isolation.optional(),
  concurrency: Concurrency.min(1).max(MAX_CONCURRENCY).optional(),
  submitters: Submitters.optional(),
});

export const MethodPolicy = Fields.refine(({ isolation, concurrency }) => concurrency === undefined || isolation === 'shared', {
  path: ['concurrency'],
  message: 'belongs to isolation "shared", where one runner runs several jobs of the method at once',
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
  /** Who may submit it, where its method does not say. */
  submitters: Submitters.optional(),
  methods: Methods,
  protocol: z.custom<undefined>(() => false, 'belongs to a class with a "command"').optional(),
});

/**
 * How a command gets its jobs. `once`: it is started for each, which ends with it. `lines`: it is started once and kept, and gets a line on its
 * standard input for each job.
 */
const Protocol = z.enum(['once', 'lines']);

const CommandFields = z.strictObject({
  /** The program and its arguments; no shell sees them. It runs in the folder of the allow-list's file. */
  command: z.array(z.string().min(1)).min(1),
  submitters: Submitters.optional(),
  methods: z.record(
    z.string(),
    MethodPolicy.refine(({ isolation }) => isolation !== 'shared', {
      path: ['isolation'],
      message: 'a command has a process of its own: expected "warm" or "fresh"',
    }),
  ),
  protocol: Protocol.optional(),
});

/** A program in any language. */
export const CommandEntry = CommandFields.superRefine(({ methods, protocol }, context) => {
  if (protocol !== 'lines') return;
  for (const [method, { isolation }] of Object.entries(methods)) {
    if (isolation !== 'fresh') continue;
    const message = 'a command of the protocol "lines" is kept from job to job: expected "warm", or the protocol "once"';
    context.addIssue({ code: 'custom', path: ['methods', method, 'isolation'], message });
  }
});

export type CommandEntry = z.infer<typeof CommandEntry>;

export type AllowlistEntry = z.infer<typeof ModuleEntry> | CommandEntry;

/** The only handlers that may run: class, module or command, methods, and their policies. */
export type AllowlistShape = Record<string, AllowlistEntry>;

/** Types an allow-list: `export default defineAllowlist({ … })`. Returns it unchanged. */
export function defineAllowlist<const A extends AllowlistShape>(allowlist: A): A {
  return allowlist;
}
