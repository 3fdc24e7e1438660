import { z } from 'zod';
import { Attempt } from '../attempt.ts';
import { Breath } from '../breath.ts';
import { dayOf } from '../layout.ts';
import { type LedgerLine, ledgerDays, ledgerSlots, parseLine } from '../ledger.ts';
import { type JobStatus, statusOfLine } from '../query.ts';
import type { Spool } from '../spool.ts';
import { Columns, hashOf, type RowKey, UNKNOWN } from './columns.ts';
import { FolderTime } from './folder-time.ts';

/** One file of the ledger, as far as it has been read. */
type LedgerFile = {
  readonly number: number;
  readonly day: string;
  readonly slot: string;
  readonly path: string;
  ino: number;
  size: number;
  /** Where the first line begins that was not read yet. */
  offset: number;
  /** Up to where it was looked at; behind `offset` a line may have begun that is still being written. */
  looked: number;
  /** How many jobs its lines record. */
  lines: number;
};

export type Handler = { class: string; method: string };

/** The ledger's lines as rows of numbers. Its files only grow, and are followed by their length. */
export class LedgerRows {
  version = 0;
  readonly columns = new Columns((number) => this.#nameOf(number));
  /** By their number. */
  readonly handlers: Handler[] = [];
  readonly #spool: Spool;
  readonly #limit: number;
  readonly #days = new Map<string, { time: FolderTime; files: Map<string, LedgerFile> }>();
  readonly #completed: FolderTime;
  readonly #files = new Map<number, LedgerFile>();
  readonly #handlerNumbers = new Map<string, number>();
  /** Files with something unread, oldest day first. */
  #behind: LedgerFile[] = [];
  #made = 0;
  #lines = 0;
  #lookAtAllAt = 0;
  /** That a row is of, as of the last time they were put in order. */
  #oldestDay = '';

  /** At most so many rows are kept, the newest; older lines are only counted. */
  constructor(spool: Spool, limit: number) {
    this.#spool = spool;
    this.#limit = limit;
    this.#completed = new FolderTime(spool, spool.completed);
  }

  /** How many jobs the ledger records, as far as it has been read. */
  get count(): number {
    return this.#lines;
  }

  /** How many of them are only counted. */
  get beyond(): number {
    return this.#lines - this.columns.length;
  }

  /** Bytes that have not been read yet. */
  get unread(): number {
    return this.#behind.reduce((bytes, { size, looked }) => bytes + size - looked, 0);
  }

  /** The size of its files. */
  get bytes(): number {
    let bytes = 0;
    for (const { size } of this.#files.values()) bytes += size;
    return bytes;
  }

  /** How many jobs each slot completed. */
  bySlot(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { slot, lines } of this.#files.values()) counts.set(slot, (counts.get(slot) ?? 0) + lines);
    return counts;
  }

  /** Finds out what there is to read. Old days do not change: they are looked at now and then. */
  async look(now = Date.now()): Promise<void> {
    const breath = new Breath();
    const all = performance.now() >= this.#lookAtAllAt;
    const added = this.#completed.hasChanged() || all ? this.#lookAtDays() : [];
    for (const day of [...this.#days.keys()]) {
      if (!all && day < dayOf(now - RECENT_MS) && !added.includes(day)) continue;
      if (breath.isDue) await breath.take();
      await this.#lookAtDay(day, all, breath);
    }
    if (all) this.#lookAtAllAt = performance.now() + LOOK_AT_ALL_MS;
    this.#behind.sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : 0));
  }

  /** Reads what there is to read, newest days first. */
  async learn(): Promise<void> {
    const breath = new Breath();
    for (let file = this.#behind.at(-1); file; file = this.#behind.at(-1)) {
      const lines = file.lines;
      const isMore = this.#readPortion(file);
      if (file.lines !== lines) this.version += 1;
      if (!isMore) this.#behind.pop();
      if (this.columns.unarranged > ARRANGE_AFTER) this.#keepNewest();
      if (breath.isDue) await breath.take();
    }
    this.#keepNewest();
  }

  keyOf(row: number): RowKey {
    const { finishedAt, file, offset } = this.columns;
    return { finishedAt: finishedAt[row] as number, file: this.#nameOf(file[row] as number), offset: offset[row] as number };
  }

  /** The bytes of the ledger file that hold a row's line. */
  spanOf(row: number): { path: string; start: number; end: number } {
    const { file, offset, bytes } = this.columns;
    const start = offset[row] as number;
    return { path: this.#files.get(file[row] as number)?.path ?? '', start, end: start + (bytes[row] as number) };
  }

  /** Reads a row's job; undefined when its line is no longer there. */
  statusAt(row: number): JobStatus | undefined {
    const { path, start, end } = this.spanOf(row);
    return statusOfText(this.#spool.disk.readBytes(path, start, end - start).toString());
  }

  /** The rows that may be of an id, by its hash. */
  rowsOf(id: string): number[] {
    const { hash, length } = this.columns;
    const wanted = hashOf(id);
    const rows: number[] = [];
    for (let row = hash.indexOf(wanted); row !== -1 && row < length; row = hash.indexOf(wanted, row + 1)) rows.push(row);
    return rows;
  }

  /** Returns the days that are new. */
  #lookAtDays(): string[] {
    const days = new Set(ledgerDays(this.#spool));
    for (const [day, { files }] of this.#days) {
      if (days.has(day)) continue;
      this.#days.delete(day);
      this.#forget([...files.values()]);
    }
    const added = [...days].filter((day) => !this.#days.has(day));
    for (const day of added) this.#days.set(day, { time: new FolderTime(this.#spool, this.#spool.ledgerDay(day)), files: new Map() });
    return added;
  }

  async #lookAtDay(day: string, anyway: boolean, breath: Breath): Promise<void> {
    const known = this.#days.get(day);
    if (!known) return;
    if (known.time.hasChanged() || anyway) this.#lookAtSlots(day, known.files);
    for (const file of [...known.files.values()]) {
      this.#lookAtFile(known.files, file);
      if (breath.isDue) await breath.take();
    }
  }

  #lookAtSlots(day: string, files: Map<string, LedgerFile>): void {
    const slots = new Set(ledgerSlots(this.#spool, day));
    const gone = [...files.values()].filter(({ slot }) => !slots.has(slot));
    for (const { slot } of gone) files.delete(slot);
    this.#forget(gone);
    for (const slot of slots) if (!files.has(slot)) files.set(slot, this.#newFile(day, slot));
  }

  #newFile(day: string, slot: string): LedgerFile {
    const file = { number: this.#made++, day, slot, path: this.#spool.ledger(day, slot), ino: 0, size: 0, offset: 0, looked: 0, lines: 0 };
    this.#files.set(file.number, file);
    return file;
  }

  #lookAtFile(files: Map<string, LedgerFile>, file: LedgerFile): void {
    const facts = this.#spool.disk.facts(file.path);
    // A ledger that shrank, or is another file, was put there by a person: it is read anew.
    const isAnother = facts?.isFile && file.size > 0 && (facts.size < file.size || facts.ino !== file.ino);
    if (isAnother || !facts?.isFile) {
      this.#forget([file]);
      files.delete(file.slot);
      if (!isAnother) return;
      const again = this.#newFile(file.day, file.slot);
      files.set(file.slot, again);
      return this.#lookAtFile(files, again);
    }
    if (facts.size > file.size && file.looked >= file.size) this.#behind.push(file);
    file.size = facts.size;
    file.ino = facts.ino;
  }

  #forget(files: readonly LedgerFile[]): void {
    const read = files.filter(({ lines }) => lines > 0);
    for (const { number, lines } of files) {
      this.#lines -= lines;
      if (lines === 0) this.#files.delete(number);
    }
    const gone = new Set<LedgerFile>(files);
    this.#behind = this.#behind.filter((file) => !gone.has(file));
    if (read.length === 0) return;
    const numbers = new Set(read.map(({ number }) => number));
    this.columns.drop((row) => numbers.has(this.columns.file[row] as number));
    for (const number of numbers) this.#files.delete(number);
    this.version += 1;
  }

  /** Reads the next lines of a file; false when there is nothing more to read in it for now. */
  #readPortion(file: LedgerFile): boolean {
    // The line at the offset may be longer than a portion: each time twice as much is read, until its end is found.
    const length = Math.max(PORTION_BYTES, 2 * (file.looked - file.offset));
    const bytes = this.#spool.disk.readBytes(file.path, file.offset, Math.min(length, file.size - file.offset));
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    file.looked = bytes.length === 0 ? file.size : file.offset + bytes.length;
    if (end > 0) {
      if (this.#isCountedOnly(file)) this.#countLines(file, bytes, end);
      else this.#addLines(file, bytes, end);
      file.offset += end;
      if (file.looked < file.size) file.looked = file.offset;
    } else if (bytes.length >= MAX_LINE_BYTES) file.offset = file.looked;
    return file.looked < file.size;
  }

  #addLines(file: LedgerFile, bytes: Buffer, end: number): void {
    for (let start = 0; start < end; ) {
      const stop = bytes.indexOf(NEWLINE, start);
      const line = wholeLine(bytes.toString('utf8', start, stop));
      if (line) this.#addRow(file, line, file.offset + start, stop - start);
      start = stop + 1;
    }
  }

  #addRow(file: LedgerFile, line: LedgerLine, offset: number, length: number): void {
    file.lines += 1;
    this.#lines += 1;
    const finishedAt = Date.parse(line.finishedAt);
    this.columns.add({
      file: file.number,
      offset,
      length,
      finishedAt: Number.isFinite(finishedAt) ? finishedAt : Date.parse(file.day),
      durationMs: Number.isFinite(line.durationMs) && line.durationMs >= 0 ? line.durationMs : UNKNOWN,
      waitMs: waitOf(line),
      handler: this.#handlerOf(line.class, line.method),
      attempts: line.attempts.length,
      hash: hashOf(line.id),
    });
  }

  #countLines(file: LedgerFile, bytes: Buffer, end: number): void {
    for (let start = 0; start < end; ) {
      const stop = bytes.indexOf(NEWLINE, start);
      if (stop > start) file.lines += 1;
      if (stop > start) this.#lines += 1;
      start = stop + 1;
    }
  }

  // Days older than what there is room for.
  #isCountedOnly({ day }: LedgerFile): boolean {
    return this.columns.length >= this.#limit && day < this.#oldestDay;
  }

  #keepNewest(): void {
    const { columns } = this;
    const { order } = columns;
    if (order.length > this.#limit * SLACK) {
      const dropped = new Set(order.subarray(0, order.length - this.#limit));
      columns.drop((row) => dropped.has(row));
    }
    const oldest = columns.order[0];
    this.#oldestDay = oldest === undefined ? '' : dayOf(columns.finishedAt[oldest] as number);
  }

  #handlerOf(className: string, method: string): number {
    const name = `${className}\n${method}`;
    const known = this.#handlerNumbers.get(name);
    if (known !== undefined) return known;
    this.#handlerNumbers.set(name, this.handlers.length);
    return this.handlers.push({ class: className, method }) - 1;
  }

  #nameOf(number: number): string {
    const file = this.#files.get(number);
    return file ? `${file.day}/${file.slot}` : '';
  }
}

/** A ledger line's job; undefined for a text that is none. Its parameters and result are as they were written. */
export function statusOfText(text: string): JobStatus | undefined {
  const line = Line.safeParse(parseLine(text));
  return line.success ? statusOfLine(line.data) : undefined;
}

const Line = z.object({
  id: z.string(),
  class: z.string(),
  method: z.string(),
  params: z.unknown(),
  priority: z.number(),
  runAt: z.string(),
  acceptedAt: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  durationMs: z.number(),
  attempts: z.array(Attempt),
  submittedBy: z.number().optional(),
  traceparent: z.string().optional(),
  tracestate: z.string().optional(),
  result: z.unknown().optional(),
}) satisfies z.ZodType<LedgerLine>;

// A line may have been torn by a power cut, or written by a person.
function wholeLine(text: string): LedgerLine | undefined {
  const line: Partial<LedgerLine> | undefined | null = parseLine(text);
  const texts = [line?.id, line?.class, line?.method, line?.runAt, line?.acceptedAt, line?.startedAt, line?.finishedAt];
  return Array.isArray(line?.attempts) && texts.every((one) => typeof one === 'string') ? (line as LedgerLine) : undefined;
}

/** From when it was due and accepted to its first start. */
function waitOf({ attempts, startedAt, runAt, acceptedAt }: LedgerLine): number {
  const first: unknown = attempts[0]?.startedAt;
  const began = Date.parse(typeof first === 'string' ? first : startedAt);
  const waitMs = began - Math.max(Date.parse(runAt), Date.parse(acceptedAt));
  return Number.isFinite(waitMs) ? Math.max(0, waitMs) : UNKNOWN;
}

const NEWLINE = 0x0a;
const PORTION_BYTES = 131_072;
/** What is longer is no line of ours, and is passed over: a job's file is smaller. */
const MAX_LINE_BYTES = 33_554_432;
/** Putting rows in order costs as much for one as for thousands. */
const ARRANGE_AFTER = 20_000;
/** So much more than the limit is kept before the oldest rows go. */
const SLACK = 1.05;
/** Ledgers of days longer ago than this grow no more: a job that runs over midnight is of the day on which it ends, and clocks do not differ by more. */
const RECENT_MS = 36 * 3_600_000;
const LOOK_AT_ALL_MS = 30_000;
