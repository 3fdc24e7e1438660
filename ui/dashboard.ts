/** What the dashboard and the API are given by the service that runs them. They know the queue by its spool alone. */
import type { Catalog } from '../spool/catalog.ts';
import type { Policy } from '../spool/policy.ts';
import type { Request, RequestPolicy } from '../spool/request.ts';
import type { Spool } from '../spool/spool.ts';
import type { Credentials } from './access/credentials.ts';

export type Dashboard = {
  spool: Spool;
  catalog: Catalog;
  log: Journal;
  credentials: Credentials;
  /** `''` or a path such as `/jobs`, without a slash at its end. */
  basePath: string;
  /** Nobody may change anything. */
  readOnly: boolean;
  /** The version of the package. */
  version: string;
  /** The sentence that refuses a request of this service's user, as a dispatcher would; undefined when the allow-list lets it run. */
  refusal(request: Request, priority: number): string | undefined;
  /** The sentence by which a dispatcher would reject a job for who submitted it, if it had this priority; undefined when it may have it. */
  limitation(job: Pick<Request, 'class' | 'method' | 'submittedBy'>, priority: number): string | undefined;
  /** The policy that a request would run under. */
  policyOf(request: RequestPolicy & { class: string; method: string }): Policy;
  allowlist: AllowedClass[];
  settings: Setting[];
  /** Disk space under which nothing is accepted or claimed, in bytes. */
  minFreeBytes: number;
  /** How long a host may be silent before its jobs are taken over, in milliseconds. */
  staleMs: number;
  /** Whether the service's log has every transition of every job: not above the level `info`. */
  logsEvents: boolean;
  /** Each reason is a sentence why work would not be taken now; none: it is. */
  readiness(): Promise<string[]>;
  /** Aborts when the server ends: what streams must end with it. */
  stopping: AbortSignal;
};

/** Where the dashboard writes what was done by whom: the service's two logs. */
export type Journal = {
  info(text: string, fields?: object): void;
  warn(text: string, fields?: object): void;
  error(text: string, fields?: object): void;
  /** A job was cancelled before it ran. */
  cancelled(job: { id: string; class?: string | undefined; method?: string | undefined }): void;
};

/** A class that may run, as the allow-list has it. */
export type AllowedClass = {
  class: string;
  /** `./send-mail.ts`, or the words of a command. */
  runs: string;
  methods: AllowedMethod[];
};

/** `policy`: what the allow-list says itself, as written. `params`: JSON Schema of the parameters, where there is one. */
export type AllowedMethod = { method: string; policy: Record<string, unknown>; params: object | undefined };

/** One variable of the configuration. `value` is masked where it is a secret. */
export type Setting = { name: string; value: string; source: 'flag' | 'environment' | 'file' | 'default'; means: string };

/** `operator` may do everything, `viewer` may look. */
export type Role = 'operator' | 'viewer';

/** What the access check found out about a request; all routes behind it may rely on it. */
export type Env = { Variables: { role: Role; who: string } };
