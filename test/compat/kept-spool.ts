/** A spool as one JSON text, for git: it keeps no empty folders and no times. */
import fs from 'node:fs';
import path from 'node:path';
import { layout } from '../../spool/layout.ts';
import type { State } from '../../spool/state.ts';

/** What a job was when its spool was kept, and what it must come to when that is drained. */
export type KeptJob = { id: string; state: State; attempts: number; then: State };

/** `files` by their paths in the spool; a folder has no text. Times in ISO 8601. */
export type KeptSpool = { version: string; madeAt: string; jobs: KeptJob[]; files: Record<string, { at: string; text?: string }> };

const FOLDER = path.join(import.meta.dirname, 'spools');

/** The versions whose spools are kept. */
export const keptVersions = (): string[] =>
  fs
    .readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => path.parse(name).name);

export const readKept = (version: string): KeptSpool => JSON.parse(fs.readFileSync(fileOf(version), 'utf8'));

/** Throws when a spool of that version is kept already: it stands for those that users have. */
export function writeKept(kept: KeptSpool): string {
  fs.writeFileSync(fileOf(kept.version), `${JSON.stringify(kept, null, 1)}\n`, { flag: 'wx' });
  return fileOf(kept.version);
}

const fileOf = (version: string): string => path.join(FOLDER, `${version}.json`);

/** Every folder and file under `root`. */
export function filesUnder(root: string): KeptSpool['files'] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.map((name) => {
    const stat = fs.lstatSync(path.join(root, name));
    const text = stat.isFile() ? { text: fs.readFileSync(path.join(root, name), 'utf8') } : {};
    return [name, { at: stat.mtime.toISOString(), ...text }] as const;
  });
  return Object.fromEntries(files);
}

/** Puts a kept spool at `root`. Without its empty folders, it is as a backup brings it back that knows no such. */
export function rebuild({ files }: KeptSpool, root: string, { emptyFolders = true } = {}): void {
  fs.mkdirSync(root, { recursive: true, mode: 0o770 });
  const wanted = Object.entries(files).filter(([, { text }]) => emptyFolders || text !== undefined);
  for (const [name, { text }] of wanted) {
    const file = path.join(root, name);
    fs.mkdirSync(text === undefined ? file : path.dirname(file), { recursive: true, mode: 0o770 });
    if (text !== undefined) fs.writeFileSync(file, text, { mode: 0o660 });
  }
  // The innermost last: what is made in a folder changes its time.
  for (const [name, { at }] of wanted.reverse()) fs.utimesSync(path.join(root, name), new Date(at), new Date(at));
  fs.utimesSync(layout(root).version, new Date(), new Date());
}
