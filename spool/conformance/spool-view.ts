/** What a spool says of jobs, read from its files alone, as anybody would. */
import fs from 'node:fs';
import path from 'node:path';

const FOLDERS = ['pending', 'retrying', 'failed', 'cancelled', 'rejected'] as const;

type Found = { state: string; name: string; record: Record<string, unknown> };

/** Every place where a job of this id is. A batch's lines that wait or run have no file of their own, and are not found. */
export function find(spool: string, id: string): Found[] {
  const inFolders = FOLDERS.flatMap((state) =>
    filesOf(spool, state, id).map((name) => ({ state, name, record: read(spool, state, name) })),
  );
  const running = names(spool, 'running').flatMap((slot) =>
    filesOf(spool, `running/${slot}`, id).map((name) => ({ state: 'running', name, record: {} })),
  );
  const completed = ledger(spool).flatMap((record) => (record.id === id ? [{ state: 'completed', name: '', record }] : []));
  return [...inFolders, ...running, ...completed];
}

/** The lines of the ledger; one that has no newline yet does not count. */
export function ledger(spool: string): Record<string, unknown>[] {
  const files = names(spool, 'completed').flatMap((day) => names(spool, `completed/${day}`).map((name) => `completed/${day}/${name}`));
  const lines = files.flatMap((file) => (text(spool, file) ?? '').split('\n').slice(0, -1));
  return lines.map(parsed).filter((line) => line !== undefined);
}

/** The names in one of the spool's folders; none where it is no folder. */
export function names(spool: string, folder: string): string[] {
  try {
    return fs.readdirSync(path.join(spool, folder));
  } catch {
    return [];
  }
}

/** The text of a file; undefined when it is gone by now. */
export function text(spool: string, file: string): string | undefined {
  try {
    return fs.readFileSync(path.join(spool, file), 'utf8');
  } catch {
    return undefined;
  }
}

/** The one file that a path such as `failed/*-a.json` means, relative to the spool; a name without a star is itself. */
export function resolve(spool: string, pattern: string): string | undefined {
  const [folder, name] = [path.posix.dirname(pattern), path.posix.basename(pattern)];
  if (!name.includes('*')) return fs.existsSync(path.join(spool, pattern)) ? pattern : undefined;
  const ending = name.slice(name.indexOf('*') + 1);
  const found = names(spool, folder).find((each) => each.endsWith(ending));
  return found === undefined ? undefined : `${folder}/${found}`;
}

export function parsed(json: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const filesOf = (spool: string, folder: string, id: string): string[] => names(spool, folder).filter((name) => idOf(name) === id);

const idOf = (name: string): string | undefined => /^p\d+-\d{8}T\d{6}\.\d{3}Z-(.+)\.json$/.exec(name)?.[1];

const read = (spool: string, folder: string, name: string): Record<string, unknown> => parsed(text(spool, `${folder}/${name}`) ?? '') ?? {};
