/** What must be true of a spool at every moment, whatever happened to the processes that use it. Reads files as a person would, and nothing else. */
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Attempt } from '../../spool/attempt.ts';
import { type BatchName, memberId, parseBatchName, parseBatchRequestName } from '../../spool/batch-name.ts';
import { type Lines, linesByPart } from '../../spool/batch-place.ts';
import { jobNameIn, parseJobName, parseRequestName } from '../../spool/filename.ts';
import { REASON_ENDING } from '../../spool/layout.ts';
import { parseRequest } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';

export type InvariantOptions = {
  /** What the jobs' `params` must still be, by id; others are only checked to be whole. */
  params?: ReadonlyMap<string, unknown>;
};

/**
 * What is wrong with a spool, in sentences; none when its promises hold. `acknowledged` are the ids that were submitted and that
 * nobody has removed since; each id is that of one job only. May be asked at any moment in which nobody writes: also right after a crash.
 */
export function brokenPromises(spool: Spool, acknowledged: Iterable<string>, { params = new Map() }: InvariantOptions = {}): string[] {
  const byId = new Map<string, Finding[]>();
  for (const finding of findings(spool)) byId.set(finding.id, [...(byId.get(finding.id) ?? []), finding]);
  const wrong: string[] = [];
  for (const id of acknowledged) if (!byId.has(id)) wrong.push(`${id}: it was acknowledged, and it is nowhere`);
  for (const [id, found] of byId) wrong.push(...ofJob(id, found, params));
  return wrong;
}

/**
 * What lies in a spool that no job needs, in sentences: drafts, slots, markers, reasons without their files, second names. For a spool
 * that nobody uses and whose jobs have all come to rest.
 */
export function leftBehind(spool: Spool): string[] {
  const present = (folder: string) => fs.readdirSync(folder).map((name) => path.relative(spool.root, path.join(folder, name)));
  const things = [spool.tmp, spool.running, spool.cancel].flatMap(present).map((name) => `${name} was left behind`);
  const rejected = new Set(fs.readdirSync(spool.rejected));
  const orphans = [...rejected].filter((name) => name.endsWith(REASON_ENDING) && !rejected.has(name.slice(0, -REASON_ENDING.length)));
  const twice = JOB_FOLDERS.flatMap((folder) => present(spool[folder])).filter((file) => hasSecondName(path.join(spool.root, file)));
  return [
    ...things,
    ...orphans.map((name) => `rejected/${name} is the reason of a file that is not there`),
    ...twice.map((name) => `${name} has a second name`),
  ];
}

function hasSecondName(file: string): boolean {
  const stat = fs.lstatSync(file);
  return stat.isFile() && stat.nlink > 1;
}

/** The files of jobs that have not come to their end, in sentences. */
export function stillLive(spool: Spool): string[] {
  return findings(spool).flatMap(({ id, where, kind }) => (kind === 'final' ? [] : [`${id} has not come to its end: ${where}`]));
}

/** One file or ledger line of a job. `bound`: in a slot, on its way to another folder. */
type Finding = { id: string; where: string; kind: 'live' | 'bound' | 'final'; slot?: string; body?: Body; flaw?: string };
type Body = { params: unknown; attempts: Attempt[] };

const WAITING = ['incoming', 'pending', 'retrying'] as const;
const JOB_FOLDERS = [...WAITING, 'failed', 'cancelled', 'rejected'] as const;

function findings(spool: Spool): Finding[] {
  return [
    ...WAITING.flatMap((folder) => batchesIn(spool, folder, 'live')),
    ...batchesIn(spool, 'rejected', 'final'),
    ...partsInSlots(spool),
    ...WAITING.flatMap((folder) => inFolder(spool, folder, 'live')),
    ...(['failed', 'cancelled'] as const).flatMap((folder) => inFolder(spool, folder, 'final')),
    ...inSlots(spool),
    ...inRejected(spool),
    ...inLedger(spool),
  ];
}

function inFolder(spool: Spool, folder: (typeof JOB_FOLDERS)[number], kind: Finding['kind']): Finding[] {
  return fs.readdirSync(spool[folder]).flatMap((name) => {
    if (parseRequestName(name).kind === 'ignored') return [];
    // A folder that somebody put among the jobs is none. What waits to be accepted may be anything.
    if (folder !== 'incoming' && !fs.lstatSync(path.join(spool[folder], name), { throwIfNoEntry: false })?.isFile()) return [];
    const body = folder === 'incoming' ? {} : bodyOf(path.join(spool[folder], name));
    return [{ id: idOf(name) ?? name, where: `${folder}/${name}`, kind, ...body }];
  });
}

function inSlots(spool: Spool): Finding[] {
  const slots = fs
    .readdirSync(spool.running, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith('.lock'));
  // A slot may go while this looks.
  return slots.flatMap(({ name: slot }) =>
    spool.disk.names(spool.slot(slot)).flatMap((name) => {
      const bound = BOUND.exec(name)?.[1];
      const id = idOf(bound ?? name);
      if (id === undefined) return [];
      return [
        { id, where: `running/${slot}/${name}`, kind: bound ? 'bound' : 'live', slot, ...bodyOf(spool.claimed(slot, name)) } as const,
      ];
    }),
  );
}

// Outside of slots a line must be in one part alone: no rule says which of two it belongs to.
function batchesIn(spool: Spool, folder: 'incoming' | 'pending' | 'retrying' | 'rejected', kind: Finding['kind']): Finding[] {
  return fs.readdirSync(spool[folder]).flatMap((name) => {
    const parsed = parseBatchRequestName(name);
    if (parsed.kind === 'ignored') return [];
    const file = path.join(spool[folder], name);
    const lines = (textOf(file) ?? '').trimEnd().split('\n');
    const id = parsed.kind === 'request' ? (parsed.id ?? name) : name;
    const { from, to } = (parsed.kind === 'request' && parsed.lines) || { from: 1, to: lines.length };
    return linesOf(id, [{ from, to }], lines).map((line) => ({ ...line, where: `${folder}/${name}`, kind }));
  });
}

function partsInSlots(spool: Spool): Finding[] {
  const slots = fs.readdirSync(spool.running).filter((slot) => !slot.endsWith('.lock'));
  return slots.flatMap((slot) =>
    [...linesByPart(spool.disk.names(spool.slot(slot)))].flatMap(([name, ranges]) => {
      const { id } = parseBatchName(jobNameIn(name)) as BatchName;
      const lines = (textOf(spool.claimed(slot, name)) ?? '').split('\n');
      const kind = jobNameIn(name) === name ? ('live' as const) : ('bound' as const);
      return linesOf(id, ranges, lines).map((line) => ({ ...line, where: `running/${slot}/${name}`, kind, slot }));
    }),
  );
}

function linesOf(batch: string, ranges: readonly Lines[], texts: readonly string[]): Pick<Finding, 'id' | 'body' | 'flaw'>[] {
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => {
      const request = parseRequest(texts[from + index - 1] ?? '');
      const id = memberId(batch, from + index);
      return request.ok ? { id, body: { params: request.request.params, attempts: [] } } : { id };
    }),
  );
}

const BOUND = /^\.\w+=(.+\.json)$/;

// A duplicate that was refused is no outcome of the job whose id it bears.
function inRejected(spool: Spool): Finding[] {
  return fs
    .readdirSync(spool.rejected)
    .filter((name) => !name.endsWith(REASON_ENDING) && !name.endsWith('.ndjson'))
    .flatMap((name) => {
      const where = `rejected/${name}`;
      // The second of a name gets a number; the reason says the id where there is one.
      const unnumbered = name.replace(/\.\d+\.json$/, '.json');
      const reason = textOf(spool.reason(name));
      if (reason === undefined)
        return [{ id: idOf(unnumbered) ?? unnumbered, where, kind: 'final' as const, flaw: `${where} has no reason` }];
      const why = parsed(reason) as { id?: string; reason?: string } | undefined;
      if (!why) return [{ id: idOf(unnumbered) ?? unnumbered, where, kind: 'final' as const, flaw: `the reason of ${where} is torn` }];
      return why.reason?.startsWith('duplicate:') ? [] : [{ id: why.id ?? idOf(unnumbered) ?? unnumbered, where, kind: 'final' as const }];
    });
}

function inLedger(spool: Spool): Finding[] {
  const files = fs.readdirSync(spool.completed, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ndjson'));
  return files.flatMap((file) =>
    wholeLines(path.join(spool.completed, file)).flatMap((text, index): Finding[] => {
      const line = parsed(text) as { id?: string; params: unknown; attempts: Attempt[] } | undefined;
      if (line?.id === undefined) return [];
      return [
        { id: line.id, where: `completed/${file}, line ${index + 1}`, kind: 'final', slot: path.basename(file, '.ndjson'), body: line },
      ];
    }),
  );
}

// A line that has no newline is torn, also when nothing else of it is missing: nobody counts on it.
const wholeLines = (file: string): string[] => (textOf(file) ?? '').split('\n').slice(0, -1);

function ofJob(id: string, found: Finding[], params: ReadonlyMap<string, unknown>): string[] {
  const flaws = found.flatMap(({ flaw }) => (flaw === undefined ? [] : [`${id}: ${flaw}`]));
  const changed = found.filter(({ body }) => body && params.has(id) && !isDeepStrictEqual(body.params, params.get(id)));
  return [
    ...flaws,
    ...placesOf(id, found),
    ...changed.map(({ where }) => `${id}: its parameters are not what was submitted, in ${where}`),
    ...found.flatMap(({ where, body }) => badHistory(body?.attempts ?? []).map((what) => `${id}: ${what}, in ${where}`)),
  ];
}

function placesOf(id: string, found: Finding[]): string[] {
  const said = (what: string, all: Finding[]) => [`${id}: ${what}: ${all.map(({ where }) => where).join(' and ')}`];
  const final = found.filter(({ kind }) => kind === 'final');
  if (final.length > 1) return said('it has several final outcomes', final);
  // A slot holds two files of one job while it is settled, and its file for a while after the ledger has its line.
  const bound = new Set(found.filter(({ kind }) => kind === 'bound').map(({ slot }) => slot));
  const isLine = final[0]?.where.startsWith('completed/') === true;
  const places = found.filter(({ kind, slot }) => !(kind === 'live' && slot !== undefined && (bound.has(slot) || isLine)));
  return places.length > 1 ? said('it is in several places', places) : [];
}

function badHistory(attempts: Attempt[]): string[] {
  const numbers = attempts.map(({ number }) => number);
  const isCounted = numbers.every((number, index) => number === index + 1);
  return isCounted ? [] : [`its attempts are numbered ${numbers.join(', ')}`];
}

function bodyOf(file: string): { body: Body } | { flaw: string } {
  const text = textOf(file);
  const request = text === undefined ? undefined : parseRequest(text);
  if (!request?.ok) return { flaw: `${file} holds no whole request: ${request?.reason ?? 'it cannot be read'}` };
  return { body: { params: request.request.params, attempts: request.request.attempts ?? [] } };
}

function idOf(name: string): string | undefined {
  const request = parseRequestName(name);
  return parseJobName(name)?.id ?? (request.kind === 'request' ? request.id : undefined);
}

function textOf(file: string): string | undefined {
  try {
    return fs.lstatSync(file).isFile() ? fs.readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
