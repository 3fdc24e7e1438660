import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { disk } from '../spool/disk.ts';
import { messageOf } from '../spool/errors.ts';
import { type Policy, resolvePolicy } from '../spool/policy.ts';
import { type Request, type RequestPolicy, sentence, sentences } from '../spool/request.ts';
import type { Submission } from '../spool/submitter.ts';
import { visible } from '../spool/visible.ts';
import {
  type AllowlistEntry,
  type AllowlistShape,
  CommandEntry,
  DEFAULT_CONCURRENCY,
  type MethodPolicy,
  ModuleEntry,
} from './define-allowlist.ts';
import { rememberedGroups } from './groups.ts';
import { type GroupsOf, submitterRefusal } from './submitters.ts';

/** The allow-list could not be read; the message says where and why. */
export class AllowlistError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AllowlistError';
  }
}

/** What of a request its submitters are asked for. */
type Limited = Pick<Request, 'class' | 'method' | 'submittedBy' | 'isForgeable'>;

/** A request that may run, with what it is to run. `params` are as its schema left them. */
export type Permitted = { entry: AllowlistEntry; policy: MethodPolicy; params: Request['params'] };

export type Checked = ({ ok: true } & Permitted) | { ok: false; reason: string };

/** A shared method's jobs run side by side in one runner, up to so many. `key`: which method that is. */
export type Sharing = { key: string; concurrency: number };

/** Where the allow-list is when nobody names one, relative to the working directory. */
export const DEFAULT_ALLOWLISTS = ['jobs/allowlist.ts', 'jobs/allowlist.js', 'jobs/allowlist.json'];

/** The allow-list file to use; throws AllowlistError when there is none. */
export function findAllowlist(named: string | undefined, cwd = process.cwd()): string {
  const candidates = named === undefined ? DEFAULT_ALLOWLISTS : [named];
  const found = candidates.map((candidate) => path.resolve(cwd, candidate)).find((file) => disk.exists(file));
  if (found) return found;
  const where = named === undefined ? `${DEFAULT_ALLOWLISTS.join(', ')} in ${cwd}` : path.resolve(cwd, named);
  throw new AllowlistError(`read the allow-list: expected ${where}, found nothing there. Write one, or name it in JOBSPOOL_JOBS.`);
}

/** Reads an allow-list. Loads no handler. Throws AllowlistError that names every mistake in it. */
export async function loadAllowlist(file: string): Promise<Allowlist> {
  const classes = checkShape(file, await importDefault(file));
  return new Allowlist(file, classes, schemasOf(file, classes));
}

/** The handlers that may run. Every look-up is by own names only: `constructor` and what is inherited resolve to nothing. */
export class Allowlist {
  readonly file: string;
  readonly classes: AllowlistShape;
  readonly #schemas: Map<string, z.ZodType>;
  readonly #groupsOf: GroupsOf;

  constructor(file: string, classes: AllowlistShape, schemas: Map<string, z.ZodType>, groupsOf = rememberedGroups()) {
    this.file = file;
    this.classes = classes;
    this.#schemas = schemas;
    this.#groupsOf = groupsOf;
  }

  /** The folder that the list's paths are relative to. */
  get folder(): string {
    return path.dirname(this.file);
  }

  /**
   * Whether a request may run; if not, the sentence that refuses it. `submission`: how it came to the spool; what did not come by it (`jobspool exec`) was submitted by nobody, and
   * is not asked who did.
   */
  check(request: Limited & Pick<Request, 'params'>, submission?: Submission): Checked {
    const entry = own(this.classes, request.class);
    if (!entry) return refuse(`class "${request.class}" is not on the allow-list; on it: ${names(this.classes)}`);
    const policy = own(entry.methods, request.method);
    if (!policy) return refuse(`method "${request.method}" of class "${request.class}" is not allowed; allowed: ${names(entry.methods)}`);
    const limited = submission && this.limitation(request, submission);
    if (limited !== undefined) return refuse(limited);
    const schema = this.#schemas.get(key(request.class, request.method));
    if (!schema) return { ok: true, entry, policy, params: request.params };
    const result = parseSafely(schema, request.params);
    if (typeof result === 'string') return refuse(`${request.class}.${request.method}: its params schema threw: ${result}`);
    if (result.success) return { ok: true, entry, policy, params: result.data as Request['params'] };
    const mistakes = sentences(result.error.issues, request.params, 'params');
    return refuse(`${request.class}.${request.method} does not take these parameters: ${mistakes}`);
  }

  /** Why who submitted a job may not submit such a one, as a sentence; undefined when they may. It is asked again whenever the job is claimed. */
  limitation({ class: className, method, ...submitted }: Limited, { priority }: Submission): string | undefined {
    const entry = own(this.classes, className);
    const submitters = (entry && own(entry.methods, method)?.submitters) ?? entry?.submitters;
    if (!submitters) return undefined;
    const what = `${className}.${method}`;
    try {
      return submitterRefusal(what, submitters, { ...submitted, priority }, this.#groupsOf);
    } catch (error) {
      return `who may submit ${what} cannot be found out, as the groups of uid ${submitted.submittedBy} are not known: ${messageOf(error)}`;
    }
  }

  /** Whether anything may be submitted by some users only, or up to some priority. */
  get hasLimits(): boolean {
    return Object.values(this.classes).some(
      ({ submitters, methods }) => submitters !== undefined || Object.values(methods).some((method) => method.submitters !== undefined),
    );
  }

  /** How the jobs of a method share a runner; undefined where each has one to itself. */
  sharingOf(className: string, method: string): Sharing | undefined {
    const entry = own(this.classes, className);
    const policy = entry && own(entry.methods, method);
    if (policy?.isolation !== 'shared') return undefined;
    return { key: key(className, method), concurrency: policy.concurrency ?? DEFAULT_CONCURRENCY };
  }

  /** Whether any method is shared. */
  get hasShared(): boolean {
    return Object.values(this.classes).some(({ methods }) => Object.values(methods).some(({ isolation }) => isolation === 'shared'));
  }

  /** The policy of a request, whether or not it still may run. */
  policyOf(request: RequestPolicy & Pick<Request, 'class' | 'method'>, service: Policy): Policy {
    const entry = own(this.classes, request.class);
    return resolvePolicy(request, (entry && own(entry.methods, request.method)) ?? {}, service);
  }
}

// A refinement or a transform is a user's code, and may throw.
function parseSafely(schema: z.ZodType, params: unknown): ReturnType<z.ZodType['safeParse']> | string {
  try {
    return schema.safeParse(params);
  } catch (error) {
    return messageOf(error);
  }
}

async function importDefault(file: string): Promise<unknown> {
  const attributes = file.endsWith('.json') ? { with: { type: 'json' } } : {};
  try {
    const module = (await import(pathToFileURL(file).href, attributes)) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw new AllowlistError(`read the allow-list ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function checkShape(file: string, value: unknown): AllowlistShape {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AllowlistError(
      `read the allow-list ${file}: expected an object of classes as its default export, got ${JSON.stringify(value) ?? 'nothing'}`,
    );
  }
  const checked = Object.entries(value).map(([name, entry]) => ({ name, entry, result: entrySchema(entry).safeParse(entry) }));
  const mistakes = checked.flatMap(
    ({ name, entry, result }) => result.error?.issues.map((issue) => `  ${sentence(issue, entry, name)}`) ?? [],
  );
  if (mistakes.length > 0) throw new AllowlistError(`read the allow-list ${file}:\n${mistakes.join('\n')}`);
  return Object.fromEntries(checked.map(({ name, result }) => [name, result.data as AllowlistEntry]));
}

// Which form was meant is clear from its one word; against both forms at once, the mistakes would be named twice.
const entrySchema = (entry: unknown) => (typeof entry === 'object' && entry !== null && 'command' in entry ? CommandEntry : ModuleEntry);

function schemasOf(file: string, classes: AllowlistShape): Map<string, z.ZodType> {
  const schemas = new Map<string, z.ZodType>();
  for (const [className, entry] of Object.entries(classes)) {
    for (const [method, { params }] of Object.entries(entry.methods)) {
      if (params) schemas.set(key(className, method), schemaOf(file, `${className}.${method}`, params));
    }
  }
  return schemas;
}

function schemaOf(file: string, what: string, params: NonNullable<MethodPolicy['params']>): z.ZodType {
  if ('_zod' in params) return params as z.ZodType;
  try {
    return z.fromJSONSchema(params as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    throw new AllowlistError(`read the allow-list ${file}: the params of ${what} are no JSON Schema: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

// A class and a method are names of any characters; no JSON text of one pair is that of another.
const key = (className: string, method: string): string => JSON.stringify([className, method]);

const own = <T>(record: Record<string, T>, name: string): T | undefined => (Object.hasOwn(record, name) ? record[name] : undefined);

// A class, a method or a thrown text may hold anything; the sentence goes to logs and terminals.
const refuse = (reason: string) => ({ ok: false as const, reason: visible(reason) });

function names(record: object): string {
  const all = Object.keys(record);
  if (all.length === 0) return 'nothing';
  return all.length > 10 ? `${all.slice(0, 10).join(', ')} and ${all.length - 10} more` : all.join(', ');
}
