import { isBatchId } from './batch-name.ts';
import { parseRequestName, type RequestName } from './filename.ts';

/** The ending of a file that holds a request per line. */
export const BATCH_ENDING = '.ndjson';

export const isBatchFile = (name: string): boolean => name.endsWith(BATCH_ENDING);

/** What the name of a dropped file says, be it of one request or of a batch, whose name has the same grammar and another ending. */
export function parseDropName(name: string): RequestName {
  if (!isBatchFile(name)) return parseRequestName(name);
  const parsed = parseRequestName(`${stemOf(name)}.json`);
  if (parsed.kind !== 'request' || parsed.id === undefined || isBatchId(parsed.id)) return parsed;
  // Of a name that is no grammar at all, an id is made; the same holds for a stem that is too long for the ids of its jobs.
  if (parsed.id === stemOf(name)) return { ...parsed, id: undefined };
  return { kind: 'invalid', reason: `id: that of a batch has at most 94 characters, got ${parsed.id.length}` };
}

/** What stands before the ending of a dropped file. */
export const stemOf = (name: string): string => name.replace(/\.(nd)?json$/, '');
