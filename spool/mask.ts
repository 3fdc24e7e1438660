import type { JobStatus } from './query.ts';

/** Stands where a secret is. */
export const MASK = '••••••';

/** The same value, with `MASK` in the place of whatever stands under a key that looks secret, and of what is nested too deep to be looked through. */
export const maskSecrets = (value: unknown): unknown => maskedAt(value, 0);

/** A job as people and programs may see it: without the secrets in its parameters and result. */
export function maskJob(job: JobStatus): JobStatus {
  return {
    ...job,
    ...('params' in job ? { params: maskSecrets(job.params) } : {}),
    ...('result' in job ? { result: maskSecrets(job.result) } : {}),
  };
}

/** The edited value, with what the original has there wherever `MASK` was left standing. */
export const unmask = (edited: unknown, original: unknown): unknown => unmaskedAt(edited, original, 0);

/** Whether what stands under this key is not to be shown. Case and what separates words make no difference. */
export function isSecretKey(key: string): boolean {
  const words = wordsOf(key);
  const joined = words.join('');
  return (
    PARTS.some((part) => joined.includes(part)) || ENDINGS.some((ending) => joined.endsWith(ending)) || LAST_WORDS.has(words.at(-1) ?? '')
  );
}

/** Secret wherever they stand in a key: `dbPassword`, `client_secret_2`. */
const PARTS = [
  ...['password', 'passwd', 'passphrase', 'secret', 'credential', 'authorization', 'cookie', 'bearer', 'jwt'],
  ...['apikey', 'privatekey', 'accesskey', 'signingkey', 'encryptionkey', 'sessionid', 'sessionkey', 'sessid'],
];
/** Secret at the end of a key: an `accessToken` is, `tokensUsed` and `tokenCount` are not. */
const ENDINGS = ['token', 'pwd', 'session'];
/** Secret as the last word of a key, or all of it: too short to be looked for in others, such as `compass`. */
const LAST_WORDS = new Set(['pass', 'auth', 'otp', 'pin', 'cvv', 'cvc', 'sid']);

const wordsOf = (key: string): string[] =>
  key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');

function maskedAt(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return MASK;
  if (Array.isArray(value)) return value.map((one) => maskedAt(one, depth + 1));
  return mapped(value, (one, key) => (isSecret(key, one) ? MASK : maskedAt(one, depth + 1)));
}

function unmaskedAt(edited: unknown, original: unknown, depth: number): unknown {
  if (edited === MASK) return original === undefined ? edited : original;
  if (typeof edited !== 'object' || edited === null || depth > MAX_DEPTH) return edited;
  if (Array.isArray(edited))
    return edited.map((one, index) => unmaskedAt(one, Array.isArray(original) ? original[index] : undefined, depth + 1));
  return mapped(edited, (one, key) => unmaskedAt(one, ownOf(original, key), depth + 1));
}

function isSecret(key: string, value: unknown): boolean {
  // Whether a flag is set, or that there is nothing, gives no secret away.
  if (value === null || value === undefined || typeof value === 'boolean' || value === '') return false;
  // A number of tokens is how many there are.
  return isSecretKey(key) || (typeof value !== 'number' && /tokens$/i.test(key));
}

function ownOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

// Not by assignment: a key "__proto__" would be lost.
function mapped(value: object, map: (one: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, map(one, key)]));
}

/** Deeper than a request may be; what a job returns may be nested deeper than the stack is high. */
const MAX_DEPTH = 250;
