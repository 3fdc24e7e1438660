/** Whether producers of several users are kept apart, where the allow-list or the folders' permissions say that they should be. */
import type { Disk, FileDetails } from '../disk.ts';
import { isPrivate, isShared, isSticky, OTHERS_WRITE, PRIVATE_FOLDERS, SHARED_FOLDERS } from '../drop-folder.ts';
import type { Spool } from '../spool.ts';
import { type Answer, ok, warn } from './finding.ts';

/** `hasLimits`: the allow-list says of something who may submit it. */
export function dropFolder(spool: Spool, hasLimits: boolean): Answer[] {
  if (process.platform === 'win32' || (!hasLimits && !isSticky(spool))) return [];
  const service = spool.disk.details(spool.pending)?.uid ?? 0;
  const found = (name: (typeof SHARED_FOLDERS | typeof PRIVATE_FOLDERS)[number]) => ({
    name,
    file: spool[name],
    details: spool.disk.details(spool[name]),
  });
  const troubles = [
    ...SHARED_FOLDERS.map(found).flatMap((one) => sharedTrouble(one, service)),
    ...[...PRIVATE_FOLDERS.map(found), { name: '', file: spool.root, details: spool.disk.details(spool.root) }].flatMap(privateTrouble),
    ...versionTrouble(spool),
    ...hardLinkTrouble(spool.disk),
  ];
  return troubles.length > 0
    ? troubles
    : [ok('producers of several users share tmp/ and incoming/ alone, and none can touch the files of another')];
}

type Found = { name: string; file: string; details: FileDetails | undefined };

// One that only its owner may use is shared with nobody.
function sharedTrouble({ name, file, details }: Found, service: number): Answer[] {
  if (!details || isShared(details, service) || (isPrivate(details) && details.uid === service)) return [];
  const why =
    details.uid === service
      ? 'who may drop a file there may take away, change or replace those of others'
      : `it belongs to uid ${details.uid}, and the service is uid ${service}`;
  return [
    warn(
      `${name}/ has the permissions ${octal(details)}: ${why}, and so submit in their name; chown ${service} ${file} && chmod 3770 ${file}`,
    ),
  ];
}

function privateTrouble({ name, file, details }: Found): Answer[] {
  if (!details || isPrivate(details)) return [];
  const what = name === '' ? 'the spool' : `${name}/`;
  const mode = name === '' ? '2750' : '0700';
  return [
    warn(
      `${what} has the permissions ${octal(details)}: others than the service may change what is in it, and so submit in the name of others; chmod ${mode} ${file}`,
    ),
  ];
}

// The one file that producers come near, made before the folders were closed. What one may write, one may link into incoming/ as well.
function versionTrouble(spool: Spool): Answer[] {
  const [details, incoming] = [spool.version, spool.incoming].map((file) => spool.disk.details(file));
  // A spool of one user is shared with nobody.
  if (!details || !incoming || isPrivate(incoming) || (details.mode & OTHERS_WRITE) === 0) return [];
  const what = `version has the permissions ${octal(details)}: others than the service may change it, and so keep the service from starting`;
  return [warn(`${what}; chmod 0640 ${spool.version}`)];
}

// By a link to it a file of another is dropped under a name of one's own. Not elsewhere than on Linux: there nobody asks.
function hardLinkTrouble({ readAnywhere }: Pick<Disk, 'readAnywhere'>): Answer[] {
  const text = readAnywhere('/proc/sys/fs/protected_hardlinks')?.trim();
  if (text === undefined || text === '1') return [];
  return [
    warn(
      'users of this machine may link files of others (fs.protected_hardlinks is 0), and so submit them again in their name; sysctl -w fs.protected_hardlinks=1',
    ),
  ];
}

const octal = ({ mode }: FileDetails): string => mode.toString(8);
