/** The spool's own folders, its version, and what does not belong beside them. */
import { FOLDERS, SPOOL_VERSION } from '../layout.ts';
import { replaceFile } from '../spool.ts';
import { inFolderMode } from './access.ts';
import { type Flaw, note, wrong } from './flaw.ts';
import type { Look } from './look.ts';

export function* inRoot(look: Look): Generator<Flaw> {
  yield* inVersion(look);
  for (const folder of ['root', ...FOLDERS] as const) yield* inFolder(look, folder);
  const known = new Set<string>([...FOLDERS.filter((folder) => folder !== 'jobLogs'), 'version', 'paused']);
  for (const name of look.spool.disk.names(look.spool.root)) {
    if (!known.has(name)) yield note('foreign-file', name, `${name} is not part of a spool; nobody reads it`);
  }
}

/** Why a spool cannot be checked: another version than ours. */
export function* inVersion({ spool }: Pick<Look, 'spool'>): Generator<Flaw> {
  const file = spool.disk.inspect(spool.version, 100);
  const text = file.kind === 'text' ? file.text.trim() : '';
  if (Number(text) === SPOOL_VERSION && file.kind === 'text') return;
  const isNewer = /^\d+$/.test(text);
  const what = file.kind === 'missing' ? 'is missing' : `says ${JSON.stringify(text)}`;
  const then = isNewer ? 'upgrade this Jobspool; nothing else was looked at' : 'no service starts on it while it is so';
  const act = () => {
    replaceFile(spool, spool.version, `${SPOOL_VERSION}\n`);
    return true;
  };
  const repair = isNewer || file.kind === 'not-a-file' ? {} : { repair: { how: `wrote ${SPOOL_VERSION} into version`, act } };
  yield wrong('version', 'version', `version ${what}, where ${SPOOL_VERSION} is expected: ${then}`, repair);
}

function* inFolder(look: Look, folder: 'root' | (typeof FOLDERS)[number]): Generator<Flaw> {
  const { spool } = look;
  const shown = spool[folder].slice(spool.root.length + 1);
  const details = spool.disk.details(spool[folder]);
  const isLog = folder === 'logs' || folder === 'jobLogs';
  if (!details) {
    const repair = { how: `made ${shown}`, act: () => spool.disk.makeFolder(spool[folder]) };
    yield wrong('missing-folder', shown, `the folder ${shown} is missing; what is to go there fails until it is made`, { repair });
  } else if (details.kind !== 'a folder') {
    // Logs are only appended to: their folder may be a link.
    if (folder === 'root' || (isLog && details.kind === 'a symbolic link')) return;
    yield wrong(
      'not-a-folder',
      shown,
      `${shown} is ${details.kind}, where a folder of the spool is expected; the service would work elsewhere. Stop it, and mv what is behind it here`,
    );
  } else {
    yield* inFolderMode(look, shown, details);
    const home = spool.disk.details(spool.tmp)?.device ?? details.device;
    if (isLog || folder === 'root' || details.device === home) return;
    const then = 'a rename between them is no single step, and no service starts on it; mount the whole spool folder, not a part of it';
    yield wrong('other-file-system', shown, `${shown} is on another file system than tmp: ${then}`);
  }
}
