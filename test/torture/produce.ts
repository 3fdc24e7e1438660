/**
 * A producer of the torture that uses the helper. Writes to a log of its own what it is about to submit (`I key id`), what was acknowledged
 * (`A key id`) and which cancellations it asked for (`C id`), each line as one write(2), so that no kill makes it say what is not true.
 *
 * usage: node produce.ts NAME SEED LOG RATE SPOOL
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackgroundJob, cancelJob, runBackgroundJob, runBackgroundJobs } from '../../jobs/run-background-job.ts';
import { KINDS, type Kind } from './kinds.ts';
import { seeded } from './random.ts';

const [name = '', seed = '1', log = '', rate = '20', dir = ''] = process.argv.slice(2);
const random = seeded(Number(seed), name);
const file = fs.openSync(log, 'a');
const note = (line: string) => fs.writeSync(file, `${line}\n`);
const SINGLE = KINDS.filter(({ inBatches }) => !inBatches);
let count = 0;
let isOver = false;
process.on('SIGTERM', () => {
  isOver = true;
});

/** More than so many waiting jobs: the service gets time. */
const MAX_WAITING = 400;

while (!isOver) {
  if (random.next() < 0.02) await produceMany();
  else if (random.next() < 0.1) await produceGroup();
  else await produce(random.pick(SINGLE));
  await sleep((1_000 / Number(rate)) * 2 * random.next());
  while (!isOver && count % 20 === 0 && waiting() > MAX_WAITING) await sleep(200);
}
process.exit(0);

type Draft = { key: string; id: string; job: BackgroundJob };

async function produce(kind: Kind): Promise<void> {
  const first = draft(kind);
  // Some let the helper make the id; the key in the params says all the same which they are.
  if (!kind.cancelAfterMs && !kind.twin && random.next() < 0.3) return submitWithoutId(first);
  await submit(first);
  if (kind.twin) await submit(twinOf(first, draft(kind)));
  if (kind.cancelAfterMs) void cancelLater(first.id, random.whole(...kind.cancelAfterMs));
}

async function submit({ key, id, job }: Draft): Promise<void> {
  note(`I ${key} ${id}`);
  const { class: className, method, params, ...options } = job;
  await runBackgroundJob(className, method, params, { ...options, id, dir });
  note(`A ${key} ${id}`);
}

async function submitWithoutId({ key, job }: Draft): Promise<void> {
  note(`I ${key} -`);
  const { class: className, method, params, ...options } = job;
  const id = await runBackgroundJob(className, method, params, { ...options, dir });
  note(`A ${key} ${id}`);
}

/** So many go as batches, a file for each priority. */
async function produceMany(): Promise<void> {
  const kinds = KINDS.filter(({ inBatches }) => inBatches === 'helper');
  const priority = random.whole(1, 10);
  const drafts = Array.from({ length: 120 }, () => draft(random.pick(kinds))).map(({ key, job }) => ({ key, job: { ...job, priority } }));
  for (const { key } of drafts) note(`I ${key} -`);
  const ids = await runBackgroundJobs(
    drafts.map(({ job }) => job),
    { dir },
  );
  for (const [index, { key }] of drafts.entries()) note(`A ${key} ${ids[index]}`);
}

async function produceGroup(): Promise<void> {
  const simple = SINGLE.filter(({ cancelAfterMs, twin }) => !cancelAfterMs && !twin);
  const drafts = Array.from({ length: random.whole(2, 15) }, () => draft(random.pick(simple)));
  for (const { key, id } of drafts) note(`I ${key} ${id}`);
  await runBackgroundJobs(
    drafts.map(({ id, job }) => ({ ...job, id })),
    { dir },
  );
  for (const { key, id } of drafts) note(`A ${key} ${id}`);
}

function draft(kind: Kind): Draft {
  count += 1;
  const key = `${kind.name}.${name}.${count}`;
  const arg = kind.arg && random.whole(...kind.arg) + (kind.argIsTime ? Date.now() : 0);
  const job = {
    class: kind.class,
    method: kind.method,
    params: arg === undefined ? [key] : [key, arg],
    priority: random.whole(1, 10),
    ...(kind.delayMs ? { delay: random.whole(...kind.delayMs) / 1_000 } : {}),
    ...kind.policy,
  };
  return { key, id: key, job };
}

// The other has another priority, so that their names differ: two files of one name would be one file.
function twinOf(first: Draft, { key, job }: Draft): Draft {
  return { key, id: first.id, job: { ...job, priority: ((first.job.priority ?? 5) % 10) + 1 } };
}

async function cancelLater(id: string, ms: number): Promise<void> {
  await sleep(ms);
  note(`C ${id}`);
  await cancelJob(id, { dir });
}

function waiting(): number {
  return (
    fs.readdirSync(`${dir}/incoming`).length + fs.readdirSync(`${dir}/pending`).filter((file) => !file.includes('-cancelwaiting')).length
  );
}
