import { type BatchRequestName, parseBatchRequestName } from './batch-name.ts';
import { parseRequestName } from './filename.ts';

/** Whether a file holds a request per line, by its name. */
export const isBatchFile = (name: string): boolean => name.endsWith('.ndjson');

/** What the name of a dropped file says, be it of one request or of a batch. */
export const parseDropName = (name: string): BatchRequestName => (isBatchFile(name) ? parseBatchRequestName(name) : parseRequestName(name));

/** What stands before the ending of a dropped file. */
export const stemOf = (name: string): string => name.replace(/\.(nd)?json$/, '');
