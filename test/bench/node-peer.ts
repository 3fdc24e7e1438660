import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Job, Order, Produced, Session, Stage } from './contender.ts';
import { processTree } from './process-tree.ts';
import type { Producer } from './producing.ts';
import { type Started, startProcess } from './start-process.ts';
import { until } from './until.ts';

/** What an actor is told: where the server is, and the contender's own settings. */
export type Setup = { address: string; tally: string; concurrency: number } & Record<string, unknown>;

/** What a job does; called by a worker for each attempt. */
export type Work = (job: Job, isFirstAttempt: boolean) => Promise<void>;

/** A Node library as producer and as worker. Both run in processes of their own. */
export type Driver = {
  producer(setup: Setup): Promise<Producer>;
  work(setup: Setup, work: Work): Promise<void>;
};

/** A server that a peer needs: its process and where it listens. */
export type Server = { address: string; pids: number[]; close(): Promise<void> };

const HERE = import.meta.dirname;

/** Loads a peer's package from `test/bench/node_modules`. The type is the caller's word for it: the product's checks must pass without the peers. */
export async function loadPeer<T>(name: string): Promise<T> {
  const loaded = (await import(createRequire(import.meta.url).resolve(name))) as { default?: object };
  return { ...(loaded.default ?? {}), ...loaded, default: loaded.default } as T;
}

/** The version of a peer's package; undefined: it is not installed. */
export function peerVersion(name: string): string | undefined {
  const file = path.join(HERE, 'node_modules', name, 'package.json');
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version : undefined;
}

/** The sentence that says how to install a missing package; undefined: it is there. */
export const missingPeer = (name: string): string | undefined =>
  peerVersion(name) === undefined ? `${name} is not installed: npm ci --prefix test/bench` : undefined;

export type NodePeer = {
  /** The file in `contenders/` that exports `driver`. */
  module: string;
  stage: Stage;
  server: Server;
  settings: { concurrency: number; workers: number } & Record<string, unknown>;
};

/** Starts the producer and the workers of a Node library beside its server. */
export async function openNodePeer({ module, stage, server, settings }: NodePeer): Promise<Session> {
  // What a scenario asks for is asked of all workers together.
  const each = stage.concurrency === undefined ? settings.concurrency : Math.ceil(stage.concurrency / Math.max(1, settings.workers));
  const setup: Setup = { ...settings, concurrency: each, address: server.address, tally: stage.tally };
  const start = (part: string) => startActor(path.join(HERE, 'contenders', module), part, setup);
  const actors = [start('producer'), ...Array.from({ length: stage.workers ? settings.workers : 0 }, () => start('worker'))];
  const [producer, ...workers] = actors as [Actor, ...Actor[]];
  const close = async () => {
    await Promise.all(actors.map(({ started }) => started.end('SIGKILL')));
    await server.close();
  };
  try {
    await Promise.all(actors.map(({ ready }) => ready));
  } catch (error) {
    await close();
    throw error;
  }
  const signalWorkers = (signal: NodeJS.Signals) => {
    for (const pid of processTree(workers.map(({ started }) => started.pid))) process.kill(pid, signal);
  };
  return {
    pids: () => [...server.pids, ...actors.map(({ started }) => started.pid)],
    produce: (order: Order) => producer.ask({ order }) as Promise<Produced>,
    hold: async () => signalWorkers('SIGSTOP'),
    release: async () => signalWorkers('SIGCONT'),
    left: () => producer.ask({ left: true }) as Promise<number>,
    close,
  };
}

type Actor = { started: Started; ready: Promise<void>; ask(question: object): Promise<unknown> };

type Reply = { ready?: true; answer?: unknown; error?: string };

/** Starts a producer or a worker of the module's driver. */
export function startActor(module: string, part: string, setup: Setup): Actor {
  const started = startProcess(process.execPath, [path.join(HERE, 'actor.ts'), module, part, JSON.stringify(setup)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { BENCH_TALLY: setup.tally },
  });
  const replies: Reply[] = [];
  started.child.on('message', (reply: Reply) => replies.push(reply));
  const answer = async (what: string, timeoutMs: number): Promise<Reply> => {
    await until(() => replies.length > 0 || started.hasEnded(), what, { timeoutMs, everyMs: 1 });
    const reply = replies.shift();
    if (!reply) throw new Error(`the ${part} of ${path.basename(module)} ended: ${started.says().trim().split('\n')[0]}`);
    if (reply.error !== undefined) throw new Error(`the ${part} of ${path.basename(module)}: ${reply.error}`);
    return reply;
  };
  return {
    started,
    ready: answer(`the ${part} of ${path.basename(module)} to be ready`, 60_000).then(() => undefined),
    ask: async (question) => {
      started.child.send(question);
      return (await answer(`an answer of the ${part} of ${path.basename(module)}`, 600_000)).answer;
    },
  };
}
