import { Offspring } from '../spool/offspring.ts';
import { platform } from '../spool/platform.ts';

/** A command's process, and what is in the environment of all that it starts and of nobody else. */
export type CommandTree = { pid: number | undefined; environment: Readonly<Record<string, string>> };

/** The marks of a command that this runner starts: the runner's own too, for another spool may use the same words, and an earlier attempt may have left something. */
export function marksWith(own: Readonly<Record<string, string>>): Record<string, string> {
  const { JOBSPOOL_DIR, JOBSPOOL_SLOT } = process.env;
  return {
    ...own,
    ...(JOBSPOOL_DIR === undefined ? {} : { JOBSPOOL_DIR }),
    ...(JOBSPOOL_SLOT === undefined ? {} : { JOBSPOOL_SLOT }),
  };
}

/** TERM to all that the command started when the signal aborts, KILL after the grace; `done` resolves when none is left. */
export function stopOnAbort(tree: CommandTree, { signal, killGraceMs }: { signal: AbortSignal; killGraceMs: number }) {
  let killing: Promise<void> | undefined;
  const stop = () => {
    killing = stopCommand(tree, killGraceMs);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    done: () => killing ?? Promise.resolve(),
    forget: () => signal.removeEventListener('abort', stop),
  };
}

/** Ends a command and what it has started, in its group or not: TERM, then KILL. */
export async function stopCommand({ pid, environment }: CommandTree, graceMs: number): Promise<void> {
  if (pid === undefined) return;
  if (platform.findsStragglers) return new Offspring({ leader: pid, environment }).end(graceMs);
  platform.signalTree(pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (platform.treeExists(pid) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 25));
  platform.signalTree(pid, 'SIGKILL');
}
