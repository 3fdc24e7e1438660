import fs from 'node:fs';
import path from 'node:path';
import { parseJobName } from '../../spool/filename.ts';
import { completedLines } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';

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
  const isFolder = (slot: string) => fs.statSync(path.join(spool.running, slot), { throwIfNoEntry: false })?.isDirectory();
  const slots = fs.readdirSync(spool.running).filter(isFolder);
  const running = slots.flatMap((slot) =>
    spool.disk
      .names(spool.slot(slot))
      .filter(isIts)
      .map(() => `running/${slot}`),
  );
  const lines = [...completedLines(spool)].filter((line) => line.id === id).map(() => 'ledger');
  return [...folders, ...running, ...lines];
}
