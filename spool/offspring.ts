import { type ProcessFacts, platform as realPlatform, type Signal } from './platform.ts';

/** How to know what an attempt has started. */
type Marks = {
  /** The process that started it all: what descends from it, or is in its session or group, is its offspring. */
  leader?: number | undefined;
  /** What is in the environment of all that it starts, and of nobody else. */
  environment: Readonly<Record<string, string>>;
};

/** After so long with KILL, what still starts new processes is left to whoever rescues the slot. */
const KILL_MS = 500;
const LOOK_EVERY_MS = 40;

/**
 * The processes that attempts have started, as far as they can be found: by descent, by group and session, and by their environment.
 * Whoever was found once stays known, also when its parent has ended meanwhile. What has left its session, cleared its environment
 * and lost its parent before anybody looked is found by nobody. Linux only: elsewhere none are found.
 */
export class Offspring {
  readonly #environment: Marks['environment'];
  readonly #platform: typeof realPlatform;
  /** Pids, with when those processes started: a pid that is used again is another process. */
  readonly #known = new Map<number, string>();
  readonly #killed = new Map<number, string>();

  constructor({ leader, environment }: Marks, platform = realPlatform) {
    this.#environment = environment;
    this.#platform = platform;
    if (leader !== undefined) this.#known.set(leader, platform.processes().find(({ pid }) => pid === leader)?.start ?? '');
  }

  /** Signals all but this process, each as soon as it is found. Returns how many there were. */
  signal(signal: Exclude<Signal, 'SIGKILL'>): number {
    return this.#find(({ pid }) => this.#platform.signal(pid, signal));
  }

  /** How many there are besides this process. */
  count(): number {
    return this.#find(() => undefined);
  }

  /** KILL to all but this process, also to what is started meanwhile: until two looks in a row find nobody new. */
  kill(): void {
    const deadline = performance.now() + KILL_MS;
    for (let quiet = 0; quiet < 2 && performance.now() < deadline; ) quiet = this.#killNew() ? 0 : quiet + 1;
  }

  /** TERM to all but this process, and KILL to what is left after the grace. */
  async end(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    for (let left = this.signal('SIGTERM'); left > 0 && performance.now() < deadline; left = this.count()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    this.kill();
  }

  #killNew(): boolean {
    let isNew = false;
    this.#find(({ pid, start }) => {
      if (this.#killed.get(pid) === start) return;
      isNew = true;
      this.#killed.set(pid, start);
      this.#platform.signal(pid, 'SIGKILL');
    });
    return isNew;
  }

  #find(act: (found: ProcessFacts) => void): number {
    const table = new Map(this.#platform.processes().map((facts) => [facts.pid, facts]));
    const found = new Set<number>([process.pid]);
    const find = (facts: ProcessFacts) => {
      found.add(facts.pid);
      this.#known.set(facts.pid, facts.start);
      act(facts);
    };
    const rest = () => [...table.values()].filter(({ pid }) => !found.has(pid));
    for (const facts of rest()) if (this.#platform.hasEnvironment(facts.pid, this.#environment)) find(facts);
    // A child may be listed before its parent: until a round finds nobody more.
    for (let before = 0; before < found.size; ) {
      before = found.size;
      for (const facts of rest()) if (this.#isOffspring(facts, table)) find(facts);
    }
    return found.size - 1;
  }

  #isOffspring({ pid, parent, group, session }: ProcessFacts, table: ReadonlyMap<number, ProcessFacts>): boolean {
    // The number of a session or group is given to no other process while anybody is in it.
    return [pid, parent, group, session].some((id) => {
      const known = this.#known.get(id);
      const listed = table.get(id);
      return known !== undefined && (listed === undefined || listed.start === known);
    });
  }
}

/** What is in the environment of everything that the runner of a slot starts. */
export const marksOfSlot = (root: string, slot: string): Marks['environment'] => ({ JOBSPOOL_DIR: root, JOBSPOOL_SLOT: slot });
