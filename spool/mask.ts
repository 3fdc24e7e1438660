import type { JobStatus } from './query.ts';

/** Stands where a secret is. */
export const MASK = '••••••';

/** The same value, with `MASK` in the place of whatever stands under a key that looks secret, at any depth. */
export function maskSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (!isRecord(value)) return value;
  return mapped(value, (one, key) => (isSecretKey(key) && isTelling(one) ? MASK : maskSecrets(one)));
}

/** A job as people and programs may see it: without the secrets in its parameters and result. */
export function maskJob(job: JobStatus): JobStatus {
  return {
    ...job,
    ...('params' in job ? { params: maskSecrets(job.params) } : {}),
    ...('result' in job ? { result: maskSecrets(job.result) } : {}),
  };
}

/** The edited value, with what the original has there wherever `MASK` was left standing. */
export function unmask(edited: unknown, original: unknown): unknown {
  if (edited === MASK) return original === undefined ? edited : original;
  if (Array.isArray(edited)) return edited.map((one, index) => unmask(one, Array.isArray(original) ? original[index] : undefined));
  if (!isRecord(edited)) return edited;
  return mapped(edited, (one, key) => unmask(one, isRecord(original) && Object.hasOwn(original, key) ? original[key] : undefined));
}

/** Whether what stands under this key is not to be shown. Case, `_`, `-` and `.` make no difference. */
export function isSecretKey(key: string): boolean {
  const words = wordsOf(key);
  const joined = words.join('');
  return SECRET_PARTS.some((part) => joined.includes(part)) || SECRET_ENDINGS.includes(words.at(-1) ?? '') || SECRET_NAMES.has(joined);
}

/** Secret wherever they stand in a key: `dbPassword`, `client_secret_2`. */
const SECRET_PARTS = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'apikey',
  'privatekey',
  'accesskey',
  'credential',
  'authorization',
  'cookie',
];
/** Secret as the last word: `accessToken` is, `tokensUsed` and `tokenCount` are not. */
const SECRET_ENDINGS = ['token', 'pwd', 'pass', 'session', 'sessionid', 'auth', 'bearer', 'jwt', 'signature', 'otp', 'pin', 'cvv', 'cvc'];
/** Secret as the whole key. */
const SECRET_NAMES = new Set(['tokens', 'sessionid', 'sessiontoken', 'sid', 'encryptionkey', 'signingkey']);

const wordsOf = (key: string): string[] =>
  key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');

// Whether a flag is set, or that there is nothing, gives no secret away.
const isTelling = (value: unknown): boolean => value !== null && value !== undefined && typeof value !== 'boolean' && value !== '';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

// Not by assignment: a key "__proto__" would be lost.
function mapped(value: Record<string, unknown>, map: (one: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, map(one, key)]));
}
