import path from 'node:path';

/** The allow-list of the handlers that misbehave. */
export const TROUBLE = path.resolve(import.meta.dirname, '..', 'fixtures', 'allowlist.ts');
