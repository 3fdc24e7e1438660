/** A spool with a past: jobs in every state, as the service would have left them, the same ones for the same seed. For screenshots and measurements. */
import fs from 'node:fs';
import path from 'node:path';
import type { Attempt, ErrorRecord } from '../../spool/attempt.ts';
import { jobFileName } from '../../spool/filename.ts';
import { dayOf } from '../../spool/layout.ts';
import type { LedgerLine } from '../../spool/ledger.ts';
import type { Request } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';
import { randomFrom } from './random.ts';

/** How many jobs of each state. */
export type Seed = Partial<Record<'completed' | 'failed' | 'pending' | 'scheduled' | 'retrying' | 'cancelled' | 'rejected', number>>;

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Fills an open spool. What is over ended within `spanMs` (default a day) before `now`, more of it lately. */
export function seedSpool(spool: Spool, seed: Seed, now = Date.now(), spanMs = DAY): void {
  const random = randomFrom(20_261_122);
  const sow = { spool, random, now, spanMs };
  seedCompleted(sow, seed.completed ?? 0);
  const each = (count = 0, plant: (index: number) => void) => Array.from({ length: count }, (_, index) => plant(index));
  each(seed.failed, (index) => seedFailed(sow, index));
  each(seed.cancelled, (index) => seedCancelled(sow, index));
  each(seed.rejected, (index) => seedRejected(sow, index));
  each(seed.pending, (index) => seedWaiting(sow, 'pending', index, -Math.floor(random() * 40_000)));
  each(seed.scheduled, (index) => seedWaiting(sow, 'pending', index, MINUTE + Math.floor(random() * DAY)));
  each(seed.retrying, (index) => seedWaiting(sow, 'retrying', index, 5_000 + Math.floor(random() * 10 * MINUTE)));
}

type Sow = { spool: Spool; random: () => number; now: number; spanMs: number };

/** What the shop of the example does; `weight` is how often. */
const HANDLERS = [
  {
    class: 'SendMail',
    method: 'handle',
    weight: 40,
    ms: 180,
    params: (n: number) => [{ to: `customer${n}@shop.example`, template: 'order-shipped' }],
  },
  { class: 'ProcessOrder', method: 'handle', weight: 25, ms: 420, params: (n: number) => [{ orderId: 10_000 + n }] },
  { class: 'ResizeImage', method: 'thumbnail', weight: 15, ms: 90, params: (n: number) => [`uploads/product-${n}.jpg`, 320] },
  { class: 'SyncStock', method: 'pull', weight: 12, ms: 1_300, params: (n: number) => [{ warehouse: `WH-${n % 7}`, apiKey: 'k-123456' }] },
  {
    class: 'Report',
    method: 'build',
    weight: 8,
    ms: 6_500,
    params: (n: number) => [`2026-${String((n % 12) + 1).padStart(2, '0')}`, 'pdf'],
  },
] as const;

const ERRORS: readonly (ErrorRecord & { of: number })[] = [
  { of: 0, name: 'Error', message: 'connect ETIMEDOUT 203.0.113.25:587' },
  { of: 3, name: 'HttpError', message: 'the warehouse answers 503: try again later' },
  { of: 1, name: 'PaymentDeclined', message: 'the card of order 10231 was declined: insufficient funds' },
  { of: 4, name: 'CommandFailed', message: 'python3 exited with code 3: KeyError: "currency"' },
  { of: 2, name: 'TypeError', message: "Cannot read properties of undefined (reading 'width')" },
];

function seedCompleted({ spool, random, now, spanMs }: Sow, count: number): void {
  const lines = new Map<string, string[]>();
  const times = Array.from({ length: count }, () => now - Math.floor(random() ** 1.6 * spanMs) - 500).sort((a, b) => a - b);
  for (const [index, finishedAt] of times.entries()) {
    const line = completedLine(random, index, finishedAt);
    const key = `${dayOf(finishedAt)}/shop-1-${4_100 + (index % 4)}`;
    const file = lines.get(key) ?? [];
    file.push(`${JSON.stringify(line)}\n`);
    lines.set(key, file);
  }
  for (const [key, texts] of lines) {
    const [day = '', slot = ''] = key.split('/');
    fs.mkdirSync(spool.ledgerDay(day), { recursive: true });
    fs.writeFileSync(spool.ledger(day, slot), texts.join(''));
  }
}

function completedLine(random: () => number, index: number, finishedAt: number): LedgerLine {
  const handler = pick(random);
  const durationMs = Math.round(handler.ms * (0.4 + random() * 1.4));
  const startedAt = finishedAt - durationMs;
  const runner = `shop-1-${4_100 + (index % 4)}`;
  const isRetried = random() < 0.04;
  const runAt = startedAt - Math.round(random() ** 4 * 4_000) - 2 - (isRetried ? 12_000 : 0);
  const failed = isRetried ? [attempt(1, 'failed', startedAt - 9_000, 600, runner, errorOf(0))] : [];
  return {
    id: `01K${index.toString(36).toUpperCase().padStart(7, '0')}${handler.class.slice(0, 3).toUpperCase()}`,
    class: handler.class,
    method: handler.method,
    params: handler.params(index),
    priority: 5,
    runAt: iso(runAt),
    acceptedAt: iso(runAt),
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
    durationMs,
    attempts: [...failed, attempt(failed.length + 1, 'completed', startedAt, durationMs, runner)],
    ...(handler.class === 'Report' ? { result: { pages: 3 + (index % 40) } } : {}),
  };
}

function seedFailed({ spool, random, now, spanMs }: Sow, index: number): void {
  const which = Math.floor(random() ** 1.8 * ERRORS.length);
  const handler = HANDLERS[(ERRORS[which] as { of: number }).of] as (typeof HANDLERS)[number];
  const finishedAt = now - Math.floor(random() ** 1.5 * spanMs) - 3_000;
  const tries = 1 + Math.floor(random() * 4);
  const attempts = Array.from({ length: tries }, (_, turn) =>
    attempt(turn + 1, 'failed', finishedAt - (tries - turn) * 20_000, 300, `shop-1-${4_100 + (turn % 4)}`, errorOf(which)),
  );
  const last = attempts.at(-1) as Attempt;
  last.startedAt = iso(finishedAt - 300);
  last.finishedAt = iso(finishedAt);
  const runAt = finishedAt - tries * 20_000 - 800;
  write(
    spool,
    'failed',
    { priority: 5, runAt, id: `failed-${index}` },
    { ...body(handler, index), retries: tries - 1, acceptedAt: iso(runAt), attempts },
    finishedAt,
  );
}

function seedCancelled({ spool, random, now, spanMs }: Sow, index: number): void {
  const at = now - Math.floor(random() * spanMs);
  write(
    spool,
    'cancelled',
    { priority: 5, runAt: at - 5_000, id: `cancelled-${index}` },
    { ...body(pick(random), index), acceptedAt: iso(at - 6_000) },
    at,
  );
}

function seedRejected({ spool, random, now, spanMs }: Sow, index: number): void {
  const at = now - Math.floor(random() * spanMs);
  const name = `p5-now-rejected-${index}.json`;
  fs.writeFileSync(path.join(spool.rejected, name), JSON.stringify({ class: 'SendMial', params: [{ to: 'a@shop.example' }] }));
  const reason = 'class "SendMial" is not on the allow-list; on it: SendMail, ProcessOrder, ResizeImage, SyncStock, Report';
  fs.writeFileSync(spool.reason(name), JSON.stringify({ reason, rejectedAt: iso(at), id: `rejected-${index}` }));
  fs.utimesSync(spool.reason(name), at / 1_000, at / 1_000);
}

function seedWaiting({ spool, random, now }: Sow, folder: 'pending' | 'retrying', index: number, inMs: number): void {
  const handler = pick(random);
  const id = `${folder}-${inMs > 0 && folder === 'pending' ? 'later-' : ''}${index}`;
  const request = { ...body(handler, index), acceptedAt: iso(now - 60_000) };
  const attempts = [attempt(1, 'failed', now - 30_000, 400, 'shop-1-4100', errorOf(Math.floor(random() * ERRORS.length)))];
  const priority = random() < 0.1 ? 8 : 5;
  write(
    spool,
    folder,
    { priority, runAt: now + inMs, id },
    folder === 'retrying' ? { ...request, retries: 4, spent: 1, attempts } : request,
    now - 30_000,
  );
}

function write(
  spool: Spool,
  folder: 'pending' | 'retrying' | 'failed' | 'cancelled',
  name: Parameters<typeof jobFileName>[0],
  request: Request,
  at: number,
): void {
  const file = path.join(spool[folder], jobFileName(name));
  fs.writeFileSync(file, `${JSON.stringify(request)}\n`);
  fs.utimesSync(file, at / 1_000, at / 1_000);
}

const body = ({ class: name, method, params }: (typeof HANDLERS)[number], index: number): Request => ({
  class: name,
  method,
  params: params(index) as unknown[],
});

function attempt(number: number, outcome: Attempt['outcome'], startedAt: number, ms: number, runner: string, error?: ErrorRecord): Attempt {
  return { number, outcome, startedAt: iso(startedAt), finishedAt: iso(startedAt + ms), runner, ...(error ? { error } : {}) };
}

function errorOf(which: number): ErrorRecord {
  const { name, message } = ERRORS[which % ERRORS.length] as ErrorRecord;
  return {
    name,
    message,
    stack: `${name}: ${message}\n    at handle (file:///srv/shop/jobs/${name.toLowerCase()}.ts:41:13)\n    at async runAttempt (file:///app/jobs/run-attempt.ts:88:20)`,
  };
}

function pick(random: () => number): (typeof HANDLERS)[number] {
  let left = random() * HANDLERS.reduce((sum, { weight }) => sum + weight, 0);
  for (const handler of HANDLERS) {
    left -= handler.weight;
    if (left < 0) return handler;
  }
  return HANDLERS[0];
}

const iso = (ms: number): string => new Date(ms).toISOString();
