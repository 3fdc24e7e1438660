import { replaceFile, type Spool } from './spool.ts';

/** Why a file is in `rejected/`; stands beside it as `<name>.reason.json`. */
export type Reason = {
  reason: string;
  rejectedAt: string;
  id?: string;
  class?: string;
  method?: string;
};

/**
 * Moves a file to `rejected/` and says why beside it; returns the name it has there, or undefined when it was gone. The reason is
 * written first: a crash in between leaves the file where it was, never a rejected file without a reason.
 */
export function reject(
  spool: Spool,
  file: string,
  name: string,
  why: { reason: string; id?: string | undefined; class?: string | undefined; method?: string | undefined },
): string | undefined {
  const { disk } = spool;
  if (!disk.facts(file)) return undefined;
  const free = freeName(spool, name);
  const reason: Reason = JSON.parse(JSON.stringify({ rejectedAt: new Date().toISOString(), ...why }));
  replaceFile(spool, spool.reason(free), `${JSON.stringify(reason, null, 2)}\n`);
  if (disk.rename(file, `${spool.rejected}/${free}`)) return free;
  disk.remove(spool.reason(free));
  return undefined;
}

// An earlier rejected file of the same name stays as it is; the newcomer is numbered.
function freeName(spool: Spool, name: string): string {
  const stem = cutTo(MAX_STEM_BYTES, name.replace(/\.json$/, ''));
  const taken = (candidate: string) => spool.disk.facts(`${spool.rejected}/${candidate}`) !== undefined;
  if (!taken(`${stem}.json`)) return `${stem}.json`;
  let number = 2;
  while (taken(`${stem}.${number}.json`)) number += 1;
  return `${stem}.${number}.json`;
}

// Names have at most 255 bytes, and ours grow by ".<n>" and ".reason.json".
const MAX_STEM_BYTES = 220;

function cutTo(bytes: number, text: string): string {
  const characters = [...text];
  while (Buffer.byteLength(characters.join('')) > bytes) characters.pop();
  return characters.join('');
}
