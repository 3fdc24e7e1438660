/** Carries out what the seed has decided. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Decision, decisions, type What } from './plan.ts';
import { isStopped, signal } from './processes.ts';
import { namesIn, type Runner, STALE_MS, type World } from './world.ts';

/** What the chaos did: acts by their name, and processes killed by their kind. */
export type Deeds = { acts: Partial<Record<What, number>>; kills: { dispatcher: number; runner: number; producer: number } };

export type ChaosOptions = {
  seed: number;
  everyMs: number;
  /** It goes on for so long, and until so many processes were killed, yet never for more than three times as long. */
  forMs: number;
  kills: number;
};

export async function chaos(world: World, { seed, everyMs, forMs, kills }: ChaosOptions, signalEnd?: AbortSignal): Promise<Deeds> {
  const deeds: Deeds = { acts: {}, kills: { dispatcher: 0, runner: 0, producer: 0 } };
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  for (const decision of decisions(seed, everyMs, STALE_MS)) {
    if (elapsed() >= 3 * forMs || (elapsed() >= forMs && killsIn(deeds) >= kills) || signalEnd?.aborted) return deeds;
    await sleep(Math.max(0, decision.atMs - elapsed()));
    const victims = new Hand(world, deeds, decision).act();
    deeds.acts[decision.what] = (deeds.acts[decision.what] ?? 0) + 1;
    world.journal.note(decision.what, { ...decision, victims });
  }
  return deeds;
}

export const killsIn = ({ kills }: Deeds): number => kills.dispatcher + kills.runner + kills.producer;

class Hand {
  readonly #world: World;
  readonly #deeds: Deeds;
  readonly #decision: Decision;

  constructor(world: World, deeds: Deeds, decision: Decision) {
    this.#world = world;
    this.#deeds = deeds;
    this.#decision = decision;
  }

  /** Returns who was hit. */
  act(): unknown[] {
    const { what } = this.#decision;
    const [verb = '', noun = ''] = [what.slice(0, what.indexOf('-')), what.slice(what.indexOf('-') + 1)];
    if (what === 'pause') return this.#pause();
    if (what === 'drain-runner') return this.#drain();
    if (verb === 'kill') return this.#kill(noun);
    if (verb === 'stop') return this.#stop(noun as 'runner' | 'dispatcher' | 'producer');
    return this.#term(noun);
  }

  #kill(noun: string): unknown[] {
    if (noun === 'everything') return this.#killAll(this.#world.of('dispatcher'), true, this.#world.of('producer'));
    if (noun === 'dispatcher-and-runners') return this.#killAll(this.#one(this.#world.of('dispatcher')), true);
    if (noun === 'dispatcher') return this.#killAll(this.#one(this.#world.of('dispatcher')), false);
    if (noun === 'producer') return this.#killAll([], false, this.#one(this.#world.of('producer')));
    const group = noun === 'runner-group';
    return this.#one(busyFirst(this.#world)).filter(({ pid }) => this.#killOne(pid, 'runner', group));
  }

  #killAll(dispatchers: { pid: number }[], withRunners: boolean, producers: { pid: number }[] = []): unknown[] {
    const isTheirs = (slot: string) => dispatchers.some(({ pid }) => slot.endsWith(`-${pid}`));
    const runners = withRunners ? this.#world.runners().filter(({ dispatcher }) => isTheirs(dispatcher)) : [];
    return [
      ...dispatchers.filter(({ pid }) => this.#killOne(pid, 'dispatcher')),
      ...runners.filter(({ pid }) => this.#killOne(pid, 'runner', true)),
      ...producers.filter(({ pid }) => this.#killOne(pid, 'producer')),
    ];
  }

  #killOne(pid: number, who: 'dispatcher' | 'runner' | 'producer', group = false): boolean {
    const isHit = this.#world.kill(pid, who, { group, restartAfterMs: this.#decision.forMs });
    if (isHit) this.#deeds.kills[who] += 1;
    return isHit;
  }

  #stop(noun: 'runner' | 'dispatcher' | 'producer'): unknown[] {
    // One that is told to stop and stands still would be measured wrongly.
    const all = noun === 'runner' ? busyFirst(this.#world) : this.#world.of(noun).filter(({ pid }) => !this.#world.isTermed(pid));
    const victims = this.#one<{ pid: number }>(all).filter(({ pid }) => signal(pid, 'SIGSTOP'));
    for (const { pid } of victims) setTimeout(() => signal(pid, 'SIGCONT'), this.#decision.forMs);
    return victims;
  }

  #term(noun: string): unknown[] {
    if (noun === 'runner') return this.#one(this.#world.runners()).filter(({ pid }) => !isStopped(pid) && this.#world.termRunner(pid));
    const awake = this.#world.of('dispatcher').filter(({ pid }) => !isStopped(pid) && !this.#world.isTermed(pid));
    const victims = this.#one(awake);
    for (const { pid } of victims) {
      this.#world.term(pid, this.#decision.forMs);
      if (noun === 'dispatcher-twice') setTimeout(() => this.#world.term(pid, this.#decision.forMs), this.#decision.forMs);
    }
    return victims;
  }

  #drain(): unknown[] {
    const victims = this.#one(this.#world.runners());
    for (const { slot } of victims) touch(path.join(this.#world.spool, 'running', `${slot}.drain`));
    return victims;
  }

  #pause(): unknown[] {
    const paused = path.join(this.#world.spool, 'paused');
    touch(paused);
    setTimeout(() => fs.rmSync(paused, { force: true }), this.#decision.forMs);
    return [];
  }

  #one<T>(all: T[]): T[] {
    return all.slice(Math.floor(this.#decision.pick * all.length)).slice(0, 1);
  }
}

/** The runners that have claimed a job, where there are any: who hits an idle one tries nothing. */
function busyFirst(world: World): Runner[] {
  const all = world.runners();
  const busy = all.filter(({ slot }) => namesIn(path.join(world.spool, 'running', slot)).length > 0);
  return busy.length > 0 ? busy : all;
}

const touch = (file: string): void => fs.writeFileSync(file, '');
