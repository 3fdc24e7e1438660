import { memberId, memberName } from '../batch-name.ts';
import { BatchReader } from '../batch-reader.ts';
import { type Filter, matchesState } from '../filter.ts';
import { compareDue, compareJobs } from '../order.ts';
import { type JobStatus, type Place, statusAt } from '../query.ts';
import { MAX_FILE_BYTES } from '../request.ts';
import type { Position } from './cursor.ts';
import type { Entry } from './job-folder.ts';
import { batchJudge, type FileJudge, fileJudge, likelyFile, likelyLine, rowJudge, type Verdict } from './judge.ts';
import type { Known } from './known.ts';
import { statusOfText } from './ledger-rows.ts';
import { LedgerText } from './ledger-text.ts';
import { type Lines, lineBehind, orderAt, orderOf } from './lines.ts';
import { nameInSpool, OVER_STATES, type OverState } from './over.ts';
import { firstThat } from './sorted.ts';
import type { WaitingState } from './waiting.ts';

/** A job that may pass the filter. */
export type Candidate = {
  verdict: Exclude<Verdict, 'no'>;
  position: Position;
  /** Undefined for completed jobs. */
  place: Place | undefined;
  /** Milliseconds since the epoch; undefined when it is not over. */
  finishedAt: number | undefined;
  /** Reads it; undefined when it has moved on, or does not pass after all. */
  read(): JobStatus | undefined;
};

/** Walks along all that may pass a filter, in the order in which it is listed. The catalog may learn more between two candidates. */
export class Walk {
  /** How many jobs it has looked at. */
  looked = 0;
  readonly #known: Known;
  readonly #filter: Filter;
  readonly #now: number;
  readonly #judge: FileJudge;
  readonly #judgeRow: (row: number) => Verdict;
  readonly #isLikelyLine: ReturnType<typeof likelyLine>;
  readonly #isLikelyFile: ReturnType<typeof likelyFile>;
  readonly #texts: LedgerText;
  readonly #batches: BatchReader;
  readonly #mayHave: ReturnType<typeof batchJudge>;

  constructor(known: Known, filter: Filter, now: number) {
    this.#known = known;
    this.#filter = filter;
    this.#now = now;
    this.#judge = fileJudge(filter);
    this.#judgeRow = rowJudge(filter, known.ledger);
    this.#isLikelyLine = likelyLine(filter);
    this.#isLikelyFile = likelyFile(filter);
    this.#texts = new LedgerText(known.spool, known.ledger);
    this.#batches = new BatchReader(known.spool);
    this.#mayHave = batchJudge(filter);
  }

  /** The candidates behind a position, or all. */
  *from(position?: Position): Generator<Candidate> {
    const first = position ? SECTIONS.indexOf(position.section) : 0;
    for (const section of SECTIONS.slice(first)) {
      const start = section === position?.section ? position : undefined;
      if (section === 'over') yield* this.#over(start);
      else if (!matchesState(this.#filter, section)) continue;
      else if (section === 'running') yield* this.#running(start);
      else yield* this.#waiting(section, start);
    }
  }

  *#running(start: Position | undefined): Generator<Candidate> {
    const { spool, running } = this.#known;
    for (const place of running.items) {
      if (start && 'name' in start && compareJobs(place.name, start.name) <= 0) continue;
      const verdict = this.#verdictOn('running', { folder: 'running', name: place.name, fact: undefined });
      if (verdict === 'no') continue;
      const position: Position = { section: 'running', name: place.name, isIncoming: false };
      yield { verdict, position, place, finishedAt: undefined, read: () => statusAt(spool, place, this.#now) };
    }
  }

  *#waiting(state: WaitingState, start: Position | undefined): Generator<Candidate> {
    const { accepted, incoming } = this.#known.waiting.items(state, this.#now);
    const after = start && 'name' in start ? start : undefined;
    if (!after?.isIncoming) yield* this.#accepted(state, accepted, after?.name);
    const first = after?.isIncoming ? firstThat(incoming, ({ name }) => name > after.name) : 0;
    yield* this.#entries(state, incoming, first, true);
  }

  *#accepted(state: WaitingState, accepted: readonly Entry[], after: string | undefined): Generator<Candidate> {
    const compare = state === 'pending' ? compareJobs : compareDue;
    const first = after === undefined ? 0 : firstThat(accepted, (entry) => compare(orderOf(entry), after) > 0);
    // Some of the lines before it may stand behind the position.
    const before = accepted[first - 1]?.lines;
    if (before) yield* this.#lines(state, before, lineBehind(before, after, compare));
    yield* this.#entries(state, accepted, first, false);
  }

  *#lines(state: WaitingState, lines: Lines, first: number): Generator<Candidate> {
    if (!this.#mayHave(lines.id)) return;
    for (let line = first; line <= lines.to; line++) {
      const verdict = this.#verdictOn(state, { folder: 'pending', name: '', fact: undefined, id: memberId(lines.id, line) });
      if (verdict === 'no') continue;
      const { file, slot } = lines;
      const place: Place = { state, name: memberName(lines, line), file, line, ...(slot === undefined ? {} : { slot }) };
      const position: Position = { section: state, name: orderAt(lines, line), isIncoming: false };
      const isLikely = verdict === 'read' ? this.#isLikelyFile : undefined;
      yield { verdict, position, place, finishedAt: undefined, read: () => this.#readLine(place, isLikely) };
    }
  }

  #readLine(place: Place, isLikely: ReturnType<typeof likelyFile>): JobStatus | undefined {
    const job = this.#batches.read(place, this.#now, isLikely);
    if (job) this.#known.waiting.noteLine(job);
    return job;
  }

  *#entries(state: WaitingState, entries: readonly Entry[], first: number, isIncoming: boolean): Generator<Candidate> {
    const { folders } = this.#known.waiting;
    for (let at = first; at < entries.length; at++) {
      const entry = entries[at] as Entry;
      if (entry.lines) {
        yield* this.#lines(state, entry.lines, entry.lines.from);
        continue;
      }
      const verdict = this.#verdictOn(state, entry);
      if (verdict === 'no') continue;
      const folder = folders[entry.folder as keyof typeof folders];
      const place: Place = { state, name: entry.name, file: folder.fileOf(entry) };
      const position: Position = { section: state, name: entry.name, isIncoming };
      yield {
        verdict,
        position,
        place,
        finishedAt: undefined,
        read: () => (this.#mayPass(place, verdict) ? folder.read(entry, place, this.#now) : undefined),
      };
    }
  }

  *#over(start: Position | undefined): Generator<Candidate> {
    const { over, ledger } = this.#known;
    const entries = OVER_STATES.some((state) => matchesState(this.#filter, state)) ? over.items : [];
    const hasRows = matchesState(this.#filter, 'completed');
    for (let position = start, isWhole = false; !isWhole; ) {
      const order = hasRows ? ledger.columns.order : NO_ROWS;
      const { generation } = ledger.columns;
      isWhole = true;
      for (const candidate of this.#merged(entries, order, position)) {
        yield candidate;
        position = candidate.position;
        // While others had their turn, rows may have been added or numbered anew: then their places are looked up again.
        isWhole = !hasRows || (ledger.columns.generation === generation && ledger.columns.unarranged === 0);
        if (!isWhole) break;
      }
    }
  }

  // Two lists, each newest first: the newer head of the two comes next, files before rows.
  *#merged(entries: readonly Entry[], order: Uint32Array, start: Position | undefined): Generator<Candidate> {
    const { finishedAt } = this.#known.ledger.columns;
    let at = start ? firstThat(entries, (entry) => isBehind(entry, start)) : 0;
    let rows = start ? this.#rowsBehind(start, order) : order.length;
    while (at < entries.length || rows > 0) {
      const entry = entries[at];
      const row = order[rows - 1] as number;
      const isEntry = entry !== undefined && (rows === 0 || endOf(entry) >= (finishedAt[row] as number));
      if (isEntry) at += 1;
      else rows -= 1;
      const candidate = isEntry ? this.#fileCandidate(entry) : this.#rowCandidate(row);
      if (candidate) yield candidate;
    }
  }

  /** How many rows of the order, which is listed from its end, stand behind a position. */
  #rowsBehind(start: Position, order: Uint32Array): number {
    const { columns } = this.#known.ledger;
    if (start.section !== 'over' || order.length === 0) return order.length;
    return 'row' in start ? columns.placeOf(start.row) : columns.after(start.finishedAt);
  }

  #fileCandidate(entry: Entry): Candidate | undefined {
    const state = entry.folder as OverState;
    const verdict = this.#verdictOn(state, entry);
    if (verdict === 'no') return undefined;
    const folder = this.#known.over.folders[state];
    const place: Place = { state, name: entry.name, file: folder.fileOf(entry) };
    const position: Position = { section: 'over', finishedAt: endOf(entry), file: nameInSpool(entry) };
    return {
      verdict,
      position,
      place,
      finishedAt: endOf(entry),
      read: () => (this.#mayPass(place, verdict) ? statusAt(this.#known.spool, place, this.#now) : undefined),
    };
  }

  // To parse a file costs several times as much as to look for a word in it.
  #mayPass({ state, name, file }: Place, verdict: Verdict): boolean {
    // Why it was rejected stands in another file.
    if (verdict === 'yes' || !this.#isLikelyFile || state === 'rejected') return true;
    const found = this.#known.spool.disk.inspect(file, MAX_FILE_BYTES);
    return found.kind !== 'text' || this.#isLikelyFile(found.text, name, state);
  }

  #rowCandidate(row: number): Candidate | undefined {
    this.looked += 1;
    const verdict = this.#judgeRow(row);
    if (verdict === 'no') return undefined;
    const { ledger } = this.#known;
    const key = ledger.keyOf(row);
    const position: Position = { section: 'over', finishedAt: key.finishedAt, row: key };
    const read = () => (verdict === 'yes' ? ledger.statusAt(row) : this.#readLikely(row));
    return { verdict, position, place: undefined, finishedAt: key.finishedAt, read };
  }

  #readLikely(row: number): JobStatus | undefined {
    const { columns, handlers } = this.#known.ledger;
    const handler = handlers[columns.handler[row] as number];
    const text = this.#texts.of(row);
    return this.#isLikelyLine(text, `${handler?.class}.${handler?.method}`) ? statusOfText(text) : undefined;
  }

  #verdictOn(...file: Parameters<FileJudge>): Verdict {
    this.looked += 1;
    return this.#judge(...file);
  }
}

const SECTIONS = ['running', 'pending', 'retrying', 'scheduled', 'over'] as const;
const NO_ROWS = new Uint32Array(0);

const endOf = (entry: Entry): number => entry.fact?.at ?? 0;

/** Whether a file of a job that is over is listed behind a position. */
function isBehind(entry: Entry, start: Position): boolean {
  if (start.section !== 'over' || endOf(entry) < start.finishedAt) return true;
  return 'file' in start && endOf(entry) === start.finishedAt && nameInSpool(entry) > start.file;
}
