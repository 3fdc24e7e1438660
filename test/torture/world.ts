/** The spool, the dispatchers on it and the producers: starts them, starts those again that ended, and knows who runs. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Journal } from './journal.ts';
import { KINDS } from './kinds.ts';
import { inspectorIn } from './live-heap.ts';
import { isAlive, isStopped, peakRssOf, signal, startOf } from './processes.ts';

export type WorldOptions = {
  /** Gets the spool, the evidence, the producers' logs, the journal and what the dispatchers print. */
  dir: string;
  seed: number;
  dispatchers: number;
  runners: number;
  durability: 'none' | 'full';
  /** Jobs that each producer submits per second. */
  rate: number;
  env?: Record<string, string>;
  /** Dispatchers answer to an inspector, by which their heap can be looked at. */
  inspect?: boolean;
};

/** A process of ours. `number`: its place; its successor has the same. */
export type Member = { kind: 'dispatcher' | 'producer'; number: number; pid: number; life: number };

/** A runner, as its slot says. */
export type Runner = { pid: number; slot: string; dispatcher: string };

/** How a dispatcher that was told to stop did. `how`: its exit code, or the signal that ended it. */
export type Stop = { pid: number; tookMs: number; how: number | string | null; wasKilled: boolean };

const ROOT = path.resolve(import.meta.dirname, '..', '..');
export const STALE_MS = 5_000;
const GRACE_MS = 2_000;
const KILL_GRACE_MS = 500;
/** How long a dispatcher may take to stop: its grace, the grace after TERM, ten seconds after KILL, and as much again for a busy machine. */
export const STOP_MS = GRACE_MS + KILL_GRACE_MS + 1_000 + 10_000 + 10_000;

export class World {
  readonly options: WorldOptions;
  readonly spool: string;
  readonly evidence: string;
  readonly journal: Journal;
  readonly stops: Stop[] = [];
  /** How long runners took that were told to stop, in milliseconds, but for those that somebody killed or stopped meanwhile. */
  readonly runnerStops: number[] = [];
  /** Pids that were killed by the chaos: what they left in `tmp/` is explained. */
  readonly killed = new Set<number>();
  /** Of dispatchers that ended otherwise than they were told to. */
  readonly surprises: string[] = [];
  readonly peakRss = { dispatcher: 0, runner: 0, producer: 0 };
  readonly #children = new Map<ChildProcess, Member>();
  readonly #termed = new Map<number, number>();
  /** How long after their end the successors of these pids begin. */
  readonly #restartAfter = new Map<number, number>();
  #lives = 0;
  #isOver = false;
  readonly #retired = new Set<Member['kind']>();
  readonly #starting = new Map<NodeJS.Timeout, Member>();

  constructor(options: WorldOptions) {
    this.options = options;
    this.spool = path.join(options.dir, 'spool');
    this.evidence = path.join(options.dir, 'evidence.log');
    for (const folder of ['producers', 'output']) fs.mkdirSync(path.join(options.dir, folder), { recursive: true });
    this.journal = new Journal(path.join(options.dir, 'journal.ndjson'));
    process.once('exit', () => this.endAll());
  }

  get members(): Member[] {
    return [...this.#children.values()].sort((a, b) => a.life - b.life);
  }

  of(kind: Member['kind']): Member[] {
    return this.members.filter((member) => member.kind === kind && isAlive(member.pid));
  }

  /** The runners that the spool's slots name and that are alive, oldest first. */
  runners(): Runner[] {
    const holders = namesIn(path.join(this.spool, 'running')).filter((name) => name.endsWith('.holder'));
    const found = holders.flatMap((name) => {
      const holder = readHolder(path.join(this.spool, 'running', name));
      return holder?.kind === 'runner' && startOf(holder.pid) === holder.processStart ? [holder] : [];
    });
    return found.sort((a, b) => (a.since < b.since ? -1 : 1));
  }

  start(kind: Member['kind'], number: number): Member {
    this.#lives += 1;
    const life = this.#lives;
    const child = kind === 'dispatcher' ? this.#spawnDispatcher(number, life) : this.#spawnProducer(number, life);
    const member: Member = { kind, number, pid: child.pid as number, life };
    this.#children.set(child, member);
    this.journal.note('start', member);
    child.once('exit', (code, by) => this.#noteExit(child, member, code, by));
    return member;
  }

  /** Sends SIGKILL, and notes who it was. Returns whether it hit somebody. */
  kill(pid: number, who: keyof World['peakRss'], { group = false, restartAfterMs = 0 } = {}): boolean {
    if (!isAlive(pid)) return false;
    this.peakRss[who] = Math.max(this.peakRss[who], peakRssOf(pid));
    this.#restartAfter.set(pid, restartAfterMs);
    this.killed.add(pid);
    return signal(pid, 'SIGKILL', group);
  }

  term(pid: number, restartAfterMs = 0): void {
    this.#restartAfter.set(pid, restartAfterMs);
    if (!this.#termed.has(pid)) this.#termed.set(pid, performance.now());
    signal(pid, 'SIGTERM');
  }

  /** Tells a runner to stop, and notes how long that takes; false when it is gone. */
  termRunner(pid: number): boolean {
    const start = startOf(pid);
    const began = performance.now();
    const watching = setInterval(() => {
      if (isStopped(pid) || this.killed.has(pid)) return clearInterval(watching);
      if (startOf(pid) === start) return;
      clearInterval(watching);
      this.runnerStops.push(Math.round(performance.now() - began));
      this.journal.note('runner-gone', { pid, tookMs: this.runnerStops.at(-1) });
    }, 50);
    watching.unref();
    return signal(pid, 'SIGTERM');
  }

  isTermed(pid: number): boolean {
    return this.#termed.has(pid);
  }

  /** From now on nobody of this kind is started again. */
  retire(kind: Member['kind']): void {
    this.#retired.add(kind);
    for (const [timer, { kind: its }] of this.#starting) if (its === kind) clearTimeout(timer);
  }

  /** Where the inspector of a dispatcher listens. */
  inspectorOf(number: number): string | undefined {
    return inspectorIn(fs.readFileSync(this.#outputOf(number), 'utf8'));
  }

  /** Notes how much memory everybody has had in use. */
  sample(): void {
    for (const { kind, pid } of this.members) this.peakRss[kind] = Math.max(this.peakRss[kind], peakRssOf(pid));
    for (const { pid } of this.runners()) this.peakRss.runner = Math.max(this.peakRss.runner, peakRssOf(pid));
  }

  /** Ends every process that is left, whatever it does. */
  endAll(): void {
    this.#isOver = true;
    this.retire('dispatcher');
    this.retire('producer');
    for (const { pid } of [...this.members, ...this.runners()]) {
      signal(pid, 'SIGKILL', true);
      signal(pid, 'SIGKILL');
    }
  }

  #noteExit(child: ChildProcess, member: Member, code: number | null, by: NodeJS.Signals | null): void {
    this.#children.delete(child);
    this.journal.note('exit', { ...member, code, by });
    const termedAt = this.#termed.get(member.pid);
    const wasKilled = this.killed.has(member.pid);
    if (termedAt !== undefined && member.kind === 'dispatcher')
      this.stops.push({ pid: member.pid, tookMs: Math.round(performance.now() - termedAt), how: code ?? by, wasKilled });
    else if (!wasKilled && termedAt === undefined && !this.#isOver)
      this.surprises.push(`the ${member.kind} ${member.number} (pid ${member.pid}) ended by itself with ${code ?? by}`);
    if (this.#retired.has(member.kind)) return;
    const timer = setTimeout(() => {
      this.#starting.delete(timer);
      this.start(member.kind, member.number);
    }, this.#restartAfter.get(member.pid) ?? 500);
    this.#starting.set(timer, member);
  }

  #outputOf(number: number): string {
    return path.join(this.options.dir, 'output', `dispatcher-${number}.log`);
  }

  #spawnDispatcher(number: number, life: number): ChildProcess {
    const { runners, durability, env = {}, inspect = false } = this.options;
    const output = fs.openSync(this.#outputOf(number), 'a');
    fs.writeSync(output, `--- life ${life}\n`);
    const program = [path.join(ROOT, 'service', 'main.ts'), number % 2 === 0 ? 'serve' : 'dispatch'];
    const child = spawn(process.execPath, inspect ? ['--inspect=127.0.0.1:0', ...program] : program, {
      cwd: ROOT,
      // A group of its own, as under a supervisor: signals meant for it reach nobody else.
      detached: true,
      stdio: ['ignore', 'ignore', output],
      env: {
        ...foreignEnvironment(),
        JOBSPOOL_DIR: this.spool,
        JOBSPOOL_JOBS: path.join(import.meta.dirname, 'allowlist.ts'),
        JOBSPOOL_PORT: '0',
        JOBSPOOL_RUNNERS: String(runners),
        JOBSPOOL_DURABILITY: durability,
        JOBSPOOL_STALE: `${STALE_MS}ms`,
        JOBSPOOL_SHUTDOWN_GRACE: `${GRACE_MS}ms`,
        JOBSPOOL_KILL_GRACE: `${KILL_GRACE_MS}ms`,
        JOBSPOOL_SCAN: '500ms',
        JOBSPOOL_RETRY_DELAY: '200ms',
        TORTURE_EVIDENCE: this.evidence,
        NODE_COMPILE_CACHE: path.join(ROOT, '.compile-cache'),
        ...env,
      },
    });
    fs.closeSync(output);
    return child;
  }

  #spawnProducer(number: number, life: number): ChildProcess {
    const { dir, seed, rate, durability } = this.options;
    const name = `${number % 2 === 0 ? 'helper' : 'hand'}${number}-${life}`;
    const args = [name, String(seed), path.join(dir, 'producers', `${name}.log`), String(rate), this.spool];
    const output = fs.openSync(path.join(dir, 'output', `producer-${number}.log`), 'a');
    const program =
      number % 2 === 0
        ? [process.execPath, path.join(import.meta.dirname, 'produce.ts')]
        : ['python3', path.join(import.meta.dirname, 'produce.py')];
    const child = spawn(program[0] as string, [...program.slice(1), ...args], {
      detached: true,
      stdio: ['pipe', 'ignore', output],
      env: { ...foreignEnvironment(), JOBSPOOL_DURABILITY: durability, NODE_COMPILE_CACHE: path.join(ROOT, '.compile-cache') },
    });
    fs.closeSync(output);
    child.stdin?.on('error', () => undefined).end(number % 2 === 0 ? '' : JSON.stringify(KINDS));
    return child;
  }
}

/** The names in a folder; none when it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

// Variables of another Jobspool around us are not ours.
const foreignEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('JOBSPOOL_')));

function readHolder(file: string): (Runner & { kind: string; processStart: string; since: string }) | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
