/**
 * A command of the protocol "lines": one process that is started once and serves job after job. It gets a line of JSON for each on its
 * standard input, and answers with one on its standard output; all else that it prints goes to the log of the job in hand.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { errnoOf } from '../spool/errors.ts';
import type { End, Job } from '../spool/job.ts';
import { platform } from '../spool/platform.ts';
import type { Request } from '../spool/request.ts';
import { traceContextOf } from '../spool/trace-context.ts';
import { visible } from '../spool/visible.ts';
import { readAnswer } from './command-answer.ts';
import { commandInput } from './command-input.ts';
import { CommandLines, MAX_ANSWER_BYTES } from './command-lines.ts';
import type { Surroundings } from './execute.ts';
import { stoppedEnd } from './stop.ts';
import { type CommandTree, marksWith, stopCommand, stopOnAbort } from './stop-command.ts';

/** What it needs to know of the runner that keeps it. */
export type Keeper = {
  /** Where the command runs. */
  folder: string;
  log: Record<'info' | 'warn', (text: string, fields?: object) => void>;
  killGraceMs: number;
};

/** `not-begun`: the process was leaving when the job was written to it; another one may have it. */
export type Served = End | { kind: 'not-begun' };

/** After a job, a process that has more memory in use is replaced. Its runner's own limit is the same. */
const MAX_MEMORY_BYTES = 512 * 1_048_576;
/** How often that is asked at most. */
const WEIGHED_EVERY_MS = 100;
/** How long a process whose input has ended may take to leave before it is told by a signal. */
const LEAVING_MS = 1_000;
/** Of what it printed between two jobs, so much is told when it ended there. */
const MAX_LAST_WORDS = 2_048;

type Over = { kind: 'answered'; end: End } | { kind: 'gone' };
type InHand = { id: string; around: Surroundings; over(how: Over): void; hasSpoken: boolean; isAnswered: boolean };
type Exit = { code: number | null; signal: NodeJS.Signals | null } | { error: Error };

let started = 0;

export class WarmCommand {
  readonly #program: string;
  readonly #keeper: Keeper;
  /** Without streams where it could not be started for want of descriptors. */
  readonly #child: ChildProcess;
  readonly #tree: CommandTree;
  readonly #gone: Promise<void>;
  readonly #lines = new CommandLines();
  #exit: Exit | undefined;
  #inHand: InHand | undefined;
  #served = 0;
  #lastId = '';
  #lastWords = '';
  #weighedAt = Number.NEGATIVE_INFINITY;
  /** No job must be given to it any more. */
  #isSpent = false;
  /** It closed its input before it had read all of its job. */
  #isDeaf = false;

  constructor(command: readonly string[], keeper: Keeper) {
    const [program = '', ...args] = command;
    // By which its offspring is told from that of other commands of the same runner.
    const own = { JOBSPOOL_PROCESS: `${process.pid}.${++started}` };
    this.#program = program;
    this.#keeper = keeper;
    this.#child = spawn(program, args, {
      cwd: keeper.folder,
      env: { ...process.env, ...NO_JOB, ...own, JOBSPOOL_PROTOCOL: 'lines' },
      stdio: 'pipe',
      // A group of its own, so that it is stopped with all its children and without its runner.
      detached: true,
      windowsHide: true,
    });
    this.#tree = { pid: this.#child.pid, environment: marksWith(own) };
    this.#child.stdout?.on('data', (bytes: Buffer) => this.#hear(bytes));
    this.#child.stderr?.on('data', (bytes: Buffer) => this.#print(bytes));
    this.#child.stdin?.on('error', () => this.#noteDeaf());
    this.#gone = new Promise((resolve) => {
      const leave = async (exit: Exit) => {
        await this.#noteExit(exit);
        resolve();
      };
      this.#child.once('error', (error) => leave({ error }));
      // "exit", not "close": a grandchild that keeps a descriptor open must not hold the slot.
      this.#child.once('exit', (code, signal) => leave({ code, signal }));
    });
  }

  /** Whether it may be given a job. */
  get isUsable(): boolean {
    return !this.#isSpent && this.#exit === undefined;
  }

  /** Gives it a job, and says how that ended. One at a time. */
  async serve(job: Job, params: Request['params'], around: Surroundings): Promise<Served> {
    const over = new Promise<Over>((resolve) => {
      this.#inHand = { id: job.id, around, over: resolve, hasSpoken: false, isAnswered: false };
    });
    const stopping = stopOnAbort(this.#tree, around);
    try {
      this.#child.stdin?.write(`${JSON.stringify({ ...commandInput(job, params), ...traceContextOf(job.request) })}\n`);
      const how = await over;
      // What it printed before its answer on the other stream is read in the next turns at the latest.
      if (how.kind === 'answered') await turns();
      await stopping.done();
      if (around.signal.aborted) this.#isSpent = true;
      return stoppedEnd(around.signal, around.policy.timeoutMs, true) ?? this.#endOf(job, how, around);
    } finally {
      stopping.forget();
      // Half a line that it leaves behind must not be the beginning of the next job's answer.
      this.#print(this.#lines.end());
      this.#inHand = undefined;
      this.#lastId = job.id;
      this.#served += 1;
      this.#weigh();
    }
  }

  /** Ends it: its input ends, then TERM, then KILL, to all that it has started. Who leaves by himself is not asked what he leaves behind. */
  async end(): Promise<void> {
    const { killGraceMs } = this.#keeper;
    this.#isSpent = true;
    if (this.#exit !== undefined) return;
    this.#child.stdin?.end();
    const isGone = this.#gone.then(() => true);
    const patience = new AbortController();
    const isLate = pause(Math.min(LEAVING_MS, killGraceMs), false, { signal: patience.signal }).catch(() => false);
    if (!(await Promise.race([isGone, isLate]))) await stopCommand(this.#tree, killGraceMs);
    patience.abort();
  }

  #hear(bytes: Buffer): void {
    if (this.#inHand !== undefined) this.#inHand.hasSpoken = true;
    const printed: Buffer[] = [];
    for (const piece of this.#lines.read(bytes)) {
      if (piece.kind === 'too-long') this.#refuseTooLong();
      else if (piece.kind === 'printed' || !this.#understand(piece.bytes)) printed.push(piece.bytes);
    }
    this.#print(Buffer.concat(printed));
  }

  // False: it is no word about the job in hand.
  #understand(line: Buffer): boolean {
    const said = readAnswer(line.toString('utf8'), this.#inHand?.id ?? this.#lastId, this.#program);
    if (said.kind === 'printed') return false;
    if (this.#inHand === undefined) return this.#noteLate(said.kind);
    if (said.kind === 'progress') this.#inHand.around.progress(said.percent);
    else this.#answer(said);
    return true;
  }

  #answer({ end, isSound }: { end: End; isSound: boolean }): void {
    const { isAnswered, over } = this.#inHand as InHand;
    // The first answer is the end of the job, and a second changes nothing; but who gives two may also give the next job's.
    if (isAnswered) return void this.#noteLate('answer');
    (this.#inHand as InHand).isAnswered = true;
    if (!isSound) this.#isSpent = true;
    over({ kind: 'answered', end });
  }

  // About a job that is over.
  #noteLate(kind: 'answer' | 'progress'): boolean {
    if (kind === 'progress' || this.#isSpent) return true;
    this.#isSpent = true;
    const id = this.#inHand?.id ?? this.#lastId;
    this.#keeper.log.warn(`the command "${this.#program}" answered twice for the job ${id}; it is ended, and the next job starts it again`);
    return true;
  }

  // It may have been the answer: who goes on waiting for one would wait until the timeout.
  #refuseTooLong(): void {
    this.#isSpent = true;
    const message = `the command "${this.#program}" printed a line that begins with "{" and is longer than an answer may be, ${MAX_ANSWER_BYTES} bytes`;
    this.#inHand?.over({ kind: 'answered', end: failure(message, '') });
  }

  #print(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#inHand === undefined) {
      this.#lastWords = (this.#lastWords + bytes.toString('utf8')).slice(-MAX_LAST_WORDS);
      return;
    }
    this.#inHand.hasSpoken = true;
    this.#inHand.around.print(bytes);
  }

  // Nobody reads there: the job has not begun. It may be leaving this very moment.
  #noteDeaf(): void {
    if (this.#isSpent) return;
    this.#isDeaf = this.#inHand !== undefined;
    void this.end();
  }

  async #noteExit(exit: Exit): Promise<void> {
    const inHand = this.#inHand;
    this.#exit = exit;
    await turns();
    this.#print(this.#lines.end());
    // A grandchild may hold them open, and its output is nobody's now.
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    if (inHand !== undefined) return inHand.over({ kind: 'gone' });
    if (!this.#isSpent) this.#tellOfExit(exit);
  }

  #tellOfExit(exit: Exit): void {
    const text = `the command "${this.#program}" ended between two jobs: it ${wordsOf(exit)}; the next job starts it again`;
    if ('code' in exit && exit.code === 0) return this.#keeper.log.info(text);
    this.#keeper.log.warn(text, this.#lastWords === '' ? {} : { output: visible(this.#lastWords) });
  }

  #endOf(job: Job, how: Over, around: Surroundings): Served {
    if (how.kind === 'answered') return how.end;
    const exit = this.#exit as Exit;
    if ('error' in exit) {
      if (errnoOf(exit.error) !== 'ENOENT') throw exit.error;
      const reason = `its command "${this.#program}" was not found (looked from ${this.#keeper.folder})`;
      return { kind: 'refused', reason: `class "${job.request.class}" is on the allow-list, but ${reason}` };
    }
    const mayHaveBegun = !this.#isDeaf && (exit.code !== 0 || this.#inHand?.hasSpoken === true);
    if (this.#served > 0 && !mayHaveBegun) return { kind: 'not-begun' };
    const why = this.#isDeaf ? 'closed its standard input before it had read the job' : `ended without an answer: it ${wordsOf(exit)}`;
    return failure(`the command "${this.#program}" ${why}`, around.outputTail(), exit.signal ?? `exit ${exit.code}`);
  }

  // What it has leaked goes with it. Where the system does not say how much that is, it goes with its runner.
  #weigh(): void {
    const now = performance.now();
    if (!this.isUsable || this.#tree.pid === undefined || now - this.#weighedAt < WEIGHED_EVERY_MS) return;
    this.#weighedAt = now;
    if ((platform.residentBytes(this.#tree.pid) ?? 0) > MAX_MEMORY_BYTES) this.#isSpent = true;
  }
}

/** What a service that was itself started by a command hands down of that one's job. */
const NO_JOB = {
  TRACEPARENT: undefined,
  TRACESTATE: undefined,
  JOBSPOOL_ID: undefined,
  JOBSPOOL_ATTEMPT: undefined,
  JOBSPOOL_CLASS: undefined,
  JOBSPOOL_METHOD: undefined,
  JOBSPOOL_RESULT: undefined,
  JOBSPOOL_PROGRESS: undefined,
};

// All that was in a pipe has been read then: in each turn of the event loop the pipes are read that had something when it began.
async function turns(): Promise<void> {
  await turn();
  await turn();
}

function failure(message: string, tail: string, ...names: string[]): End {
  const error = { name: 'CommandFailed', message, ...(tail ? { stack: tail } : {}) };
  return { kind: 'failed', permanent: false, names: ['CommandFailed', ...names], error };
}

function wordsOf(exit: Exit): string {
  if ('error' in exit) return `could not be started (${exit.error.message})`;
  return exit.signal ? `was killed by ${exit.signal}` : `exited with code ${exit.code}`;
}
