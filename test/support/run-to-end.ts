/** What the rest of the service does with a spool after a crash, without its processes: everything that waits is brought to its end. */
import fs from 'node:fs';
import path from 'node:path';
import { Intake } from '../../spool/accept.ts';
import { batchFileName, parseBatchName } from '../../spool/batch-name.ts';
import { cancelClaimed, cancelWaiting } from '../../spool/cancel.ts';
import { claim } from '../../spool/claim.ts';
import { BatchTexts, claimPart, lineJob } from '../../spool/claim-part.ts';
import { REASON_ENDING } from '../../spool/layout.ts';
import { slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { cancelRequests, clearCancel, isCancelRequested } from '../../spool/marker.ts';
import { giveBack } from '../../spool/part.ts';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import { type Pruned, prune } from '../../spool/prune.ts';
import { isLiveOnDisk, locate } from '../../spool/query.ts';
import { type RescueOptions, rescue } from '../../spool/rescue.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { isFinal } from '../../spool/state.ts';

export const LATER = Date.UTC(2090, 0);
// A container that starts again has the same pids: the slot's name comes again, and its ledger is that of the dead one.
const LAST = 'host-1';

export const rescueOptions = (over: Partial<RescueOptions> = {}): RescueOptions => ({
  now: Date.now(),
  random: () => 0,
  endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } }),
  policyOf: () => DEFAULT_POLICY,
  ...over,
});

/** As the acceptor's: nothing of the class `Forbidden` may run. */
export const intakeOf = (spool: Spool): Intake =>
  new Intake(spool, {
    refusal: (request) => (request.class === 'Forbidden' ? 'Forbidden is not on the allow-list' : undefined),
    isLive: (id) => isLiveOnDisk(spool, id),
  });

/** Opens the spool anew, rescues every slot, accepts, cancels and runs what there is, and prunes what nobody has touched for two days. */
export async function runToEnd(dir: string): Promise<Spool> {
  const spool = openSpool(dir, { durability: 'none' });
  for (let round = 1; slots(spool).length > 0 && round < 5; round++)
    for (const [index, dead] of slots(spool).entries()) rescue(spool, dead, `next-${round}${index}`, rescueOptions());
  acceptAll(spool);
  cancelAll(spool);
  await runAll(spool);
  cancelAll(spool);
  pruneDrafts(spool);
  pruneOrphans(spool);
  return spool;
}

function acceptAll(spool: Spool): void {
  const intake = intakeOf(spool);
  for (const clock of [0, 5_000]) for (const name of intake.names()) intake.accept(name, Date.now(), clock);
}

function cancelAll(spool: Spool): void {
  for (const id of cancelRequests(spool)) {
    const place = locate(spool, id);
    if (place && !isFinal(place.state) && !cancelWaiting(spool, place.name)) continue;
    clearCancel(spool, id);
  }
}

async function runAll(spool: Spool): Promise<void> {
  spool.disk.makeFolder(spool.slot(LAST));
  const ledger = new Ledger(spool, LAST);
  for (const folder of [spool.pending, spool.retrying])
    for (const name of spool.disk.names(folder)) if (!parseBatchName(name)) run(spool, ledger, name);
  const parts = () => spool.disk.names(spool.pending).filter((name) => parseBatchName(name));
  for (let [name] = parts(); name !== undefined; [name] = parts()) runPart(spool, ledger, name);
  await ledger.commit();
  ledger.close();
  spool.disk.removeFolder(spool.slot(LAST));
}

function run(spool: Spool, ledger: Ledger, name: string): void {
  const claimed = claim(spool, LAST, name, LATER);
  if (claimed.kind !== 'claimed') return;
  if (isCancelRequested(spool, claimed.job.id)) {
    cancelClaimed(spool, LAST, name);
    return;
  }
  const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: LAST };
  ledger.append(ledgerLine(claimed.job, span, new Date(claimed.writtenAt).toISOString(), undefined), name);
}

// A few of its jobs at a time, as runners do.
function runPart(spool: Spool, ledger: Ledger, name: string): void {
  const claimed = claimPart(spool, LAST, name, LATER, new BatchTexts());
  if (claimed.kind !== 'claimed') throw new Error(`claim ${name}: ${claimed.kind}`);
  const { text } = claimed;
  const part = { ...claimed.part, to: Math.min(claimed.part.from + 1, claimed.part.to) };
  if (part.to < claimed.part.to) giveBack(spool, LAST, claimed.part, part.to + 1);
  const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: LAST };
  for (let line = part.from; line <= part.to; line++)
    ledger.append(ledgerLine(lineJob(part, text, line).job, span, new Date(text.writtenAt).toISOString(), undefined));
  ledger.clear(batchFileName(part));
}

const TWO_DAYS_MS = 2 * 86_400_000;

// Reasons whose files are gone go when they are as old as rejected files may be. All else is made young here.
function pruneOrphans(spool: Spool): void {
  for (const folder of [spool.failed, spool.cancelled, spool.rejected]) {
    const names = new Set(spool.disk.names(folder));
    const isOrphan = (name: string) => name.endsWith(REASON_ENDING) && !names.has(name.slice(0, -REASON_ENDING.length));
    for (const name of names) if (!isOrphan(name)) spool.disk.setTimes(`${folder}/${name}`, LATER);
  }
  prune(spool, { keepCompletedMs: LATER, keepFailedMs: 0, keepLogsMs: LATER }, Date.now() + TWO_DAYS_MS);
}

const pruneDrafts = (spool: Spool): Pruned =>
  prune(spool, { keepCompletedMs: LATER, keepFailedMs: LATER, keepLogsMs: LATER }, Date.now() + TWO_DAYS_MS);

/** What a spool looks like, but for what is new each time: times, counters and made ids in names. */
export function fingerprint(root: string): string {
  const files = fs.readdirSync(root, { recursive: true, encoding: 'utf8' });
  const looks = files.map((file) => {
    const stat = fs.lstatSync(path.join(root, file));
    return `${file.replace(CHANGING, '#')} ${stat.isFile() ? stat.size : 'no file'} ${stat.nlink}`;
  });
  return looks.sort().join('\n');
}

const CHANGING = /\d{4,}T?\d*(\.\d+)?|[0-9A-HJKMNP-TV-Z]{26}|(?<=^tmp\/).*/g;
