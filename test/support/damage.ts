/** What can go wrong with a spool, one thing at a time: how it is done to a good one, and what `fsck` should say of it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { jobFileName } from '../../spool/filename.ts';
import type { FlawKind } from '../../spool/fsck/flaw.ts';
import { hostName } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import type { Spool } from '../../spool/spool.ts';
import { attemptAt, putFailed, putFile, putLine, putRunning } from './job-files.ts';

export type Damage = {
  kind: FlawKind;
  /** Does it, with names made of `id`; returns the file that is to be named, relative to the spool. */
  apply(spool: Spool, id: string): string;
  /** What `--repair` leaves of it: nothing, a note or a flaw that a person has to see to. */
  leaves: 'nothing' | 'note' | 'wrong';
};

const AT = Date.UTC(2026, 0, 5, 12);
const iso = (ms: number): string => new Date(ms).toISOString();
const nameOf = (id: string, runAt = AT): string => jobFileName({ id, priority: 5, runAt });
const shownIn = (spool: Spool, file: string): string => path.relative(spool.root, file);
const REQUEST = '{"class":"Example","method":"handle","params":[]}';

function put(spool: Spool, shown: string, text: string | Uint8Array = REQUEST): string {
  const file = path.join(spool.root, shown);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return shown;
}

function deadHolder(spool: Spool, slot: string): void {
  const holder = {
    kind: 'runner',
    slot,
    host: hostName(),
    pid: 1,
    processStart: '1',
    bootId: platform.bootId(),
    pidNamespace: platform.pidNamespace(),
    since: iso(AT),
  };
  put(spool, `running/${slot}.holder`, JSON.stringify(holder));
}

/** A job with a record in the ledger, and the same acceptance once more as `file`. */
const SAME = { acceptedAt: iso(AT - 300), runAt: iso(AT - 300) };

export const DAMAGES: readonly Damage[] = [
  { kind: 'folder-mode', leaves: 'nothing', apply: (spool) => chmod(spool, 'pending', 0o777) },
  { kind: 'folder-mode', leaves: 'nothing', apply: (spool) => chmod(spool, 'incoming', 0o1770) },
  { kind: 'folder-mode', leaves: 'nothing', apply: (spool) => chmod(spool, 'failed', 0o750) },
  { kind: 'missing-folder', leaves: 'nothing', apply: (spool) => gone(spool, 'logs/jobs') },
  {
    kind: 'not-a-folder',
    leaves: 'wrong',
    apply(spool, id) {
      fs.renameSync(spool.cancelled, `${spool.cancelled}-${id}`);
      fs.symlinkSync(`${spool.cancelled}-${id}`, spool.cancelled);
      return 'cancelled';
    },
  },
  { kind: 'version', leaves: 'nothing', apply: (spool) => put(spool, 'version', '') },
  { kind: 'version', leaves: 'nothing', apply: (spool) => gone(spool, 'version') },
  {
    kind: 'misnamed',
    leaves: 'nothing',
    apply: (spool, id) => put(spool, `pending/${id}.json`),
  },
  { kind: 'misnamed', leaves: 'nothing', apply: (spool, id) => put(spool, `failed/${id}.txt`) },
  { kind: 'foreign-file', leaves: 'note', apply: (spool, id) => put(spool, `retrying/.${id}.swp`, '') },
  { kind: 'foreign-file', leaves: 'note', apply: (spool, id) => put(spool, `README-${id}`, '') },
  { kind: 'foreign-file', leaves: 'note', apply: (spool, id) => put(spool, `completed/notes-${id}`, '') },
  { kind: 'foreign-file', leaves: 'note', apply: (spool, id) => put(spool, `completed/2026-01-05/${id}.bak`, '') },
  { kind: 'foreign-file', leaves: 'nothing', apply: (spool, id) => put(spool, `running/${id}.txt`, '') },
  { kind: 'foreign-file', leaves: 'note', apply: (spool, id) => put(spool, `cancel/-${id}`, '') },
  {
    kind: 'foreign-folder',
    leaves: 'wrong',
    apply: (spool, id) => path.dirname(put(spool, `pending/${id}/${nameOf(`${id}-inside`)}`)),
  },
  { kind: 'foreign-folder', leaves: 'wrong', apply: (spool, id) => path.dirname(put(spool, `running/${id}/x`, '')) },
  { kind: 'spoilt', leaves: 'nothing', apply: (spool, id) => put(spool, `pending/${nameOf(id)}`, '{"class":') },
  { kind: 'spoilt', leaves: 'nothing', apply: (spool, id) => put(spool, `retrying/${nameOf(id)}`, '') },
  { kind: 'spoilt', leaves: 'nothing', apply: (spool, id) => put(spool, `pending/${nameOf(id)}`, new Uint8Array([0xff, 0xfe, 0x7b])) },
  { kind: 'spoilt', leaves: 'wrong', apply: (spool, id) => put(spool, `cancelled/${nameOf(id)}`, '{"class":"A","what":1}') },
  { kind: 'not-a-file', leaves: 'nothing', apply: (spool, id) => linked(spool, `pending/${nameOf(id)}`) },
  { kind: 'not-a-file', leaves: 'nothing', apply: (spool, id) => linked(spool, `failed/${id}.json`) },
  { kind: 'not-a-file', leaves: 'nothing', apply: (spool, id) => fifo(spool, `retrying/${nameOf(id)}`) },
  { kind: 'not-a-file', leaves: 'wrong', apply: (spool, id) => linked(spool, `completed/2026-01-05/${id}-1.ndjson`) },
  { kind: 'not-a-file', leaves: 'nothing', apply: (spool, id) => put(spool, `running/${id}-1`) },
  {
    kind: 'future',
    leaves: 'nothing',
    apply(spool, id) {
      const shown = put(spool, `pending/${nameOf(id)}`);
      fs.utimesSync(path.join(spool.root, shown), 4_000_000_000, 4_000_000_000);
      return shown;
    },
  },
  {
    kind: 'old-draft',
    leaves: 'note',
    apply(spool, id) {
      const shown = put(spool, `tmp/${id}`, '{"cl');
      fs.utimesSync(path.join(spool.root, shown), AT / 1_000, AT / 1_000);
      return shown;
    },
  },
  { kind: 'ignored-name', leaves: 'note', apply: (spool, id) => put(spool, `incoming/${id}.txt`) },
  {
    kind: 'left-behind',
    leaves: 'wrong',
    apply(spool, id) {
      deadHolder(spool, `${id}-1`);
      return shownIn(spool, putRunning(spool, `${id}-1`, { id, runAt: AT }));
    },
  },
  {
    kind: 'bound-file',
    leaves: 'nothing',
    apply(spool, id) {
      deadHolder(spool, `${id}-1`);
      putRunning(spool, `${id}-1`, { id, runAt: AT });
      return put(spool, `running/${id}-1/.failed=${nameOf(id, AT + 1)}`);
    },
  },
  {
    kind: 'dead-slot',
    leaves: 'nothing',
    apply(spool, id) {
      deadHolder(spool, `${id}-1`);
      put(spool, `running/${id}-1.progress`, '50\n');
      fs.mkdirSync(spool.slot(`${id}-1`));
      fs.mkdirSync(spool.lock(`${id}-1`));
      return `running/${id}-1`;
    },
  },
  {
    kind: 'orphan-slot-file',
    leaves: 'nothing',
    apply(spool, id) {
      const shown = put(spool, `running/${id}-1.out`, 'last words');
      fs.utimesSync(path.join(spool.root, shown), AT / 1_000, AT / 1_000);
      return `running/${id}-1`;
    },
  },
  { kind: 'orphan-slot-file', leaves: 'nothing', apply: (spool, id) => put(spool, `running/${id}-1.drain`, '') },
  { kind: 'holder-unreadable', leaves: 'wrong', apply: (spool, id) => put(spool, `running/${id}-1.holder`, '{"pid":') },
  {
    kind: 'slot-stranger',
    leaves: 'nothing',
    apply(spool, id) {
      const shown = put(spool, `running/${id}-1/notes.txt`, 'x');
      deadHolder(spool, `${id}-1`);
      return shown;
    },
  },
  {
    kind: 'twin',
    leaves: 'nothing',
    apply(spool, id) {
      putFile(spool, 'retrying', { id, runAt: AT, request: { attempts: [attemptAt(AT, 'failed')], ...SAME } });
      return shownIn(spool, putFile(spool, 'pending', { id, runAt: AT + 1 }));
    },
  },
  {
    kind: 'already-completed',
    leaves: 'nothing',
    apply(spool, id) {
      putLine(spool, id, AT, SAME);
      return shownIn(spool, putFile(spool, 'pending', { id, runAt: AT - 300, request: SAME }));
    },
  },
  {
    kind: 'two-outcomes',
    leaves: 'nothing',
    apply(spool, id) {
      putLine(spool, id, AT, SAME);
      return shownIn(spool, putFailed(spool, id, AT, 'it broke', SAME));
    },
  },
  {
    kind: 'two-outcomes',
    leaves: 'nothing',
    apply(spool, id) {
      putFile(spool, 'cancelled', {
        id,
        runAt: AT + 1,
        request: { ...SAME, attempts: [attemptAt(AT, 'failed'), attemptAt(AT, 'failed')] },
      });
      return shownIn(spool, putFailed(spool, id, AT, 'it broke', SAME));
    },
  },
  {
    kind: 'two-outcomes',
    leaves: 'nothing',
    apply(spool, id) {
      putFile(spool, 'retrying', { id, runAt: AT + 1, request: { ...SAME, attempts: [attemptAt(AT, 'failed'), attemptAt(AT, 'failed')] } });
      return shownIn(spool, putFailed(spool, id, AT, 'it broke', SAME));
    },
  },
  {
    kind: 'two-outcomes',
    leaves: 'nothing',
    apply(spool, id) {
      putFailed(spool, id, AT, 'it broke', { ...SAME, attempts: [attemptAt(AT, 'failed'), attemptAt(AT, 'failed')] });
      return shownIn(spool, putFile(spool, 'retrying', { id, runAt: AT + 1, request: { ...SAME, attempts: [attemptAt(AT, 'failed')] } }));
    },
  },
  {
    kind: 'recorded-twice',
    leaves: 'wrong',
    apply(spool, id) {
      putLine(spool, id, AT, SAME);
      return shownIn(spool, putLine(spool, id, AT + 500, SAME, 'host-2'));
    },
  },
  {
    kind: 'torn-line',
    leaves: 'nothing',
    apply(spool, id) {
      const file = putLine(spool, `${id}-good`, AT, {}, `${id}-1`);
      fs.appendFileSync(file, `{"id":"${id}","class":"Exa\n`);
      putLine(spool, `${id}-after`, AT, {}, `${id}-1`);
      return shownIn(spool, file);
    },
  },
  {
    kind: 'torn-line',
    leaves: 'nothing',
    apply(spool, id) {
      const file = putLine(spool, `${id}-good`, AT, {}, `${id}-1`);
      fs.appendFileSync(file, Buffer.alloc(5_000));
      return shownIn(spool, file);
    },
  },
  {
    kind: 'foreign-line',
    leaves: 'nothing',
    apply(spool, id) {
      const file = putLine(spool, `${id}-good`, AT, {}, `${id}-1`);
      fs.appendFileSync(file, `{"id":"${id}"}\n`);
      return shownIn(spool, file);
    },
  },
  {
    kind: 'reason-without-file',
    leaves: 'nothing',
    apply(spool, id) {
      const shown = put(spool, `rejected/${id}.json.reason.json`, '{"reason":"x"}');
      fs.utimesSync(path.join(spool.root, shown), AT / 1_000, AT / 1_000);
      return shown;
    },
  },
  { kind: 'file-without-reason', leaves: 'nothing', apply: (spool, id) => put(spool, `rejected/${id}.json`, '?') },
  { kind: 'marker-for-nothing', leaves: 'nothing', apply: (spool, id) => put(spool, `cancel/${id}`, '') },
  {
    kind: 'marker-for-nothing',
    leaves: 'nothing',
    apply(spool, id) {
      putFailed(spool, id, AT);
      return put(spool, `cancel/${id}`, '');
    },
  },
  {
    kind: 'vanished',
    leaves: 'wrong',
    apply(spool, id) {
      event(spool, 'accepted', id, AT);
      event(spool, 'running', id, AT + 1);
      return 'logs/background_jobs.log';
    },
  },
  {
    kind: 'unrecorded',
    leaves: 'note',
    apply(spool, id) {
      event(spool, 'accepted', id, AT);
      event(spool, 'completed', id, AT + 1);
      return 'completed';
    },
  },
];

/** A line of the service's log. */
export function event(spool: Spool, name: string, id: string, at: number): void {
  const line = { level: 'info', time: iso(at), event: name, id, class: 'Example', method: 'handle', msg: name };
  fs.appendFileSync(path.join(spool.logs, 'background_jobs.log'), `${JSON.stringify(line)}\n`);
}

function chmod(spool: Spool, shown: string, mode: number): string {
  fs.chmodSync(path.join(spool.root, shown), mode);
  return shown;
}

function gone(spool: Spool, shown: string): string {
  fs.rmSync(path.join(spool.root, shown), { recursive: true, force: true });
  return shown;
}

function linked(spool: Spool, shown: string): string {
  fs.mkdirSync(path.dirname(path.join(spool.root, shown)), { recursive: true });
  fs.symlinkSync('/etc/passwd', path.join(spool.root, shown));
  return shown;
}

function fifo(spool: Spool, shown: string): string {
  execFileSync('mkfifo', [path.join(spool.root, shown)]);
  return shown;
}
