/** What the service does when it comes up after a power cut, in its order and with its own functions, but in one process; then it runs everything. */
import { Intake } from '../../spool/accept.ts';
import { parseBatchName } from '../../spool/batch-name.ts';
import { lineIn } from '../../spool/batch-place.ts';
import { claim } from '../../spool/claim.ts';
import { BatchTexts, claimPart, lineJob } from '../../spool/claim-part.ts';
import { disk } from '../../spool/disk.ts';
import { parseJobName } from '../../spool/filename.ts';
import { type Flaw, flaws } from '../../spool/fsck.ts';
import { slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { Liveness } from '../../spool/liveness.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines } from '../../spool/query.ts';
import { reconcile } from '../../spool/reconcile.ts';
import { rescue } from '../../spool/rescue.ts';
import { type Durability, openSpool, type Spool } from '../../spool/spool.ts';
import { aPolicy } from '../support/a-job.ts';

/** Later than every run-at. */
export const LATER = Date.UTC(2200, 0);

/** The final outcomes that are recorded of each id, once everything is rescued, accepted and run. */
export type Outcomes = Map<string, string[]>;

export async function rebootAndDrain(root: string, durability: Durability): Promise<{ spool: Spool; outcomes: Outcomes; flaws: Flaw[] }> {
  const spool = openSpool(root, { durability, disk: oldDisk });
  const found = [...flaws(spool, new Liveness(spool, 0, rebooted))];
  const liveness = new Liveness(spool, 0, rebooted);
  reconcile(spool);
  for (const clock of [0, 1]) rescueDead(spool, liveness, clock);
  acceptAll(spool);
  await runAll(spool);
  return { spool, outcomes: outcomesOf(spool), flaws: found };
}

const rebooted = { ...platform, bootId: () => 'the boot after the power cut' };

// The world was built a moment ago; its files are as old as their texts say.
const oldDisk: typeof disk = {
  ...disk,
  facts: (file) => {
    const facts = disk.facts(file);
    return facts && { ...facts, ctimeMs: facts.mtimeMs };
  },
};

function rescueDead(spool: Spool, liveness: Liveness, clock: number): void {
  for (const slot of slots(spool)) {
    if (liveness.of(slot, clock) === 'alive') continue;
    rescue(spool, slot, OWN, {
      endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'the power was cut' } }),
      policyOf: () => aPolicy(),
      now: Date.now(),
      random: () => 0,
    });
  }
}

const OWN = 'rebooted-1';
const RUNNER = 'rebooted-2';

function acceptAll(spool: Spool): void {
  const live = new Set([...names(spool, 'pending'), ...names(spool, 'retrying')].map((name) => parseJobName(name)?.id));
  const parts = () => spool.disk.names(spool.pending).flatMap((name) => parseBatchName(name) ?? []);
  const isInPart = (id: string) => parts().some((part) => part.id === id || lineIn(part, id) !== undefined);
  const intake = new Intake(spool, { refusal: () => undefined, isLive: (id) => live.has(id) || isInPart(id) });
  for (const clock of [0, 10_000]) {
    for (const name of intake.names()) {
      const accepted = intake.accept(name, Date.now(), clock);
      if (accepted.kind === 'accepted') live.add(accepted.job.id);
    }
  }
}

async function runAll(spool: Spool): Promise<void> {
  spool.disk.makeFolder(spool.slot(RUNNER));
  const ledger = new Ledger(spool, RUNNER);
  for (const name of [...names(spool, 'pending'), ...names(spool, 'retrying')]) {
    const claimed = claim(spool, RUNNER, name, LATER);
    if (claimed.kind !== 'claimed') continue;
    const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: RUNNER };
    ledger.append(ledgerLine(claimed.job, span, new Date(claimed.writtenAt).toISOString(), undefined), name);
  }
  for (const name of spool.disk.names(spool.pending)) if (parseBatchName(name)) runPart(spool, ledger, name);
  await ledger.commit();
  ledger.close();
}

function runPart(spool: Spool, ledger: Ledger, name: string): void {
  const claimed = claimPart(spool, RUNNER, name, LATER, new BatchTexts());
  if (claimed.kind !== 'claimed') throw new Error(`claim ${name}: ${claimed.kind}`);
  const { part, text } = claimed;
  const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: RUNNER };
  for (let line = part.from; line <= part.to; line++)
    ledger.append(ledgerLine(lineJob(part, text, line).job, span, new Date(text.writtenAt).toISOString(), undefined));
  ledger.clear(name);
}

const names = (spool: Spool, folder: 'pending' | 'retrying' | 'failed' | 'cancelled'): string[] =>
  spool.disk.names(spool[folder]).filter((name) => parseJobName(name));

function outcomesOf(spool: Spool): Outcomes {
  const outcomes: Outcomes = new Map();
  const add = (id: string, outcome: string) => outcomes.set(id, [...(outcomes.get(id) ?? []), outcome]);
  for (const folder of ['failed', 'cancelled'] as const)
    for (const name of names(spool, folder)) add(parseJobName(name)?.id as string, folder);
  for (const line of completedLines(spool)) add(line.id, 'completed');
  for (const name of spool.disk.names(spool.rejected)) {
    const reason = JSON.parse(spool.disk.read(spool.reason(name)) ?? 'null') as { id?: string; reason: string } | null;
    if (reason && !reason.reason.startsWith('duplicate')) add(reason.id ?? name, 'rejected');
  }
  return outcomes;
}
