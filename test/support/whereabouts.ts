import fs from 'node:fs';
import path from 'node:path';
import { parseJobName } from '../../spool/filename.ts';
import { completedLines } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { waitFor } from './wait-for.ts';

const FOLDERS = ['incoming', 'pending', 'retrying', 'failed', 'cancelled', 'rejected'] as const;

/** Every place where the job `id` is: the names of the folders that hold a file of it, `running/<slot>`, and `ledger` for each line. */
export function whereabouts(spool: Spool, id: string): string[] {
  const isIts = (name: string) => parseJobName(name.replace(/^\.\w+=/, ''))?.id === id;
  const folders = FOLDERS.flatMap((folder) =>
    fs
      .readdirSync(spool[folder])
      .filter(isIts)
      .map(() => folder as string),
  );
  const running = slotsOf(spool).flatMap((slot) =>
    spool.disk
      .names(spool.slot(slot))
      .filter(isIts)
      .map(() => `running/${slot}`),
  );
  const lines = [...completedLines(spool)].filter((line) => line.id === id).map(() => 'ledger');
  return [...folders, ...running, ...lines];
}

/**
 * Until no slot holds a file. That of a completed job goes only when its line is synced: until then a runner writes, and what is listed may
 * be gone when it is read.
 */
export function slotsEmpty(spool: Spool): Promise<unknown> {
  const held = () => slotsOf(spool).flatMap((slot) => spool.disk.names(spool.slot(slot)));
  return waitFor(() => held().length === 0, 'the files of completed jobs to go');
}

function slotsOf(spool: Spool): string[] {
  const isFolder = (slot: string) => fs.statSync(path.join(spool.running, slot), { throwIfNoEntry: false })?.isDirectory();
  return fs.readdirSync(spool.running).filter(isFolder);
}
