import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { errnoOf } from '../spool/errors.ts';
import type { AllowlistEntry } from './define-allowlist.ts';

/** The code behind a class and method, or the sentence why there is none. */
export type Resolved = { ok: true; call(params: unknown[]): unknown } | { ok: false; reason: string };

type ModuleEntry = Extract<AllowlistEntry, { module: string }>;

/**
 * Loads the module of an allowed class and finds the method on it: an own method of the class itself, never an inherited one or the
 * constructor. A module that is there but throws while it loads rejects the promise: that is a failure of the job.
 */
export async function resolveHandler(folder: string, className: string, method: string, entry: ModuleEntry): Promise<Resolved> {
  const { file, module } = loaded.get(entry) ?? (await load(path.resolve(folder, entry.module), entry));
  if (!module) return { ok: false, reason: `class "${className}" is on the allow-list, but its module ${file} does not exist` };
  const exported = entry.export ?? className;
  const Class = Object.hasOwn(module, exported) ? module[exported] : undefined;
  if (typeof Class !== 'function' || !Class.prototype) {
    return { ok: false, reason: `class "${className}" is on the allow-list, but its module ${file} exports no class "${exported}"` };
  }
  const found: unknown = Object.getOwnPropertyDescriptor(Class.prototype, method)?.value;
  if (method === 'constructor' || typeof found !== 'function') {
    return { ok: false, reason: `method "${method}" is on the allow-list, but class "${className}" in ${file} has no method of that name` };
  }
  return { ok: true, call: (params) => found.apply(Reflect.construct(Class, []), params) };
}

type Loaded = { file: string; module?: Record<string, unknown> };

// Asking the module system again for each job would cost more than a short job does.
const loaded = new WeakMap<ModuleEntry, Loaded>();

async function load(file: string, entry: ModuleEntry): Promise<Loaded> {
  const url = pathToFileURL(file).href;
  try {
    const found = { file, module: await import(url) };
    loaded.set(entry, found);
    return found;
  } catch (error) {
    // The module itself is missing; when it is there and imports one that is missing, that is an error of the job.
    if (errnoOf(error) === 'ERR_MODULE_NOT_FOUND' && isAbout(error as Error, url, file)) return { file };
    throw error;
  }
}

function isAbout(error: Error & { url?: string }, url: string, file: string): boolean {
  return error.url === url || error.message.includes(`'${file}'`);
}
