/** What a producer did to the disk, from what `strace -f -y -s 0` wrote of it. Pure. */

/** A system call that succeeded: its name, the paths in its arguments, those of descriptors among them, and the flags of an open or a rename. */
export type SystemCall = { name: string; paths: string[]; flags: string };

/** The calls to trace: all that write, sync or name files. */
export const TRACED =
  'open,openat,creat,write,pwrite64,writev,pwritev,sendfile,copy_file_range,fsync,fdatasync,sync,syncfs,msync,rename,renameat,renameat2,link,linkat,unlink,unlinkat';

/** The successful calls, in the order in which they ended. */
export function parseCalls(log: string): SystemCall[] {
  const begun = new Map<string, string>();
  return log.split('\n').flatMap((line) => {
    const [, pid = '', rest = ''] = /^(\d+)\s+(?:[\d.:]+\s+)?(.*)$/.exec(line) ?? [];
    const cut = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (cut) {
      begun.set(pid, cut[1] as string);
      return [];
    }
    // Of several threads, a call is told in two halves where another's came between.
    const whole = rest.replace(/^<\.\.\. \w+ resumed>/, () => begun.get(pid) ?? '');
    const call = /^(\w+)\((.*)\)\s+=\s+(\d+)/s.exec(whole);
    return call ? [callOf(call[1] as string, call[2] as string)] : [];
  });
}

function callOf(name: string, args: string): SystemCall {
  const paths = [...args.matchAll(/"((?:[^"\\]|\\.)*)"|\d+<([^>]*)>/g)].map(([, text, described]) => text ?? described ?? '');
  return { name, paths, flags: /\b(?:O|RENAME)_[A-Z_|]+/.exec(args)?.[0] ?? '' };
}

const SYNCS = ['fsync', 'fdatasync'];
const MOVES = ['rename', 'renameat', 'renameat2', 'link', 'linkat'];
const WRITES = ['write', 'pwrite64', 'writev', 'pwritev', 'sendfile', 'copy_file_range'];

/** Whether a call takes a name only where it is free. */
const sparesOthers = ({ name, flags }: SystemCall): boolean => name.startsWith('link') || flags.includes('RENAME_NOREPLACE');

/**
 * The sentences that say which steps of publishing `name` in the spool were left out or came in another order. `isChosen`: the caller chose its
 * id, so that a request of that name may have come there meanwhile.
 */
export function brokenSteps(calls: readonly SystemCall[], spool: string, name: string, isChosen = false): string[] {
  const [target, tmp, incoming] = [`${spool}/incoming/${name}`, `${spool}/tmp/`, `${spool}/incoming`];
  const touches = (call: SystemCall, path: string): boolean => call.paths.includes(path);
  const published = calls.findIndex((call) => MOVES.includes(call.name) && touches(call, target));
  const broken: string[] = [];
  if (calls.some((call) => /O_(WRONLY|RDWR|CREAT)/.test(call.flags) && call.paths.some((path) => path.startsWith(`${incoming}/`))))
    broken.push('expected nothing in incoming/ to be opened for writing: what is seen there must be whole');
  if (published < 0) return [...broken, `expected one rename (or link) to ${name} in incoming/, found none`];
  const draft = calls[published]?.paths.find((path) => path.startsWith(tmp));
  if (draft === undefined) return [...broken, `expected ${name} to come from tmp/, by one rename or link`];
  if (isChosen && !sparesOthers(calls[published] as SystemCall))
    broken.push('expected a link, or a rename that replaces nothing: a rename replaces a request of that id that came meanwhile');
  const written = calls.findLastIndex((call) => WRITES.includes(call.name) && touches(call, draft));
  if (written > published) broken.push('expected nothing to be written to the file after it was moved to incoming/');
  if (!calls.slice(written + 1, published).some((call) => SYNCS.includes(call.name) && touches(call, draft)))
    broken.push('expected the file to be synced (fsync) after it was written and before it was moved to incoming/');
  if (!calls.slice(published + 1).some((call) => SYNCS.includes(call.name) && touches(call, incoming)))
    broken.push('expected incoming/ to be synced (fsync) after the file was moved there');
  return broken;
}
