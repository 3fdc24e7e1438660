import path from 'node:path';
import type { Floor } from '../contender.ts';
import { startProcess } from '../start-process.ts';

/** The bare loops of the file operations that a queue of files cannot do without. */
export const floors: Floor[] = [
  {
    name: 'floor: write + rename',
    settings: 'one process: write a file, rename it to another folder',
    family: 'floor',
    scenarios: ['flow', 'flow-20kb', 'producers'],
    run: (folder, jobs, bytes) => loop('rename', folder, jobs, bytes),
  },
  {
    name: 'floor: write + sync + rename',
    settings: 'eight at once: write a file, sync it, rename it to another folder',
    family: 'floor',
    scenarios: ['flow-full'],
    run: (folder, jobs, bytes) => loop('sync', folder, jobs, bytes),
  },
  {
    name: 'floor: write + sync + rename + sync folder',
    settings: 'the same, and the folder is synced before each is acknowledged',
    family: 'floor',
    scenarios: ['flow-full'],
    run: (folder, jobs, bytes) => loop('sync-folder', folder, jobs, bytes),
  },
];

/** A loop of `bare-loop.ts` in a process of its own: operations a second. */
export async function loop(kind: string, folder: string, jobs: number, bytes: number): Promise<number> {
  const args = [path.join(import.meta.dirname, '../bare-loop.ts'), kind, folder, String(jobs), String(bytes)];
  const started = startProcess(process.execPath, args, { env: { UV_THREADPOOL_SIZE: '16' } });
  await new Promise((resolve) => started.child.once('close', resolve));
  const perSecond = Number(started.says());
  if (!(perSecond > 0)) throw new Error(`the bare loop "${kind}" in ${folder} ended: ${started.says()}`);
  return perSecond;
}
