/** Given these files, expect these states: the cases for a service that runs the jobs of a spool. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Expectation, unmet } from './expectation.ts';
import { withSpool } from './scratch-spool.ts';
import { resolve } from './spool-view.ts';
import type { Verdict } from './verdict.ts';

export type ConsumerCase = { name: string; steps: Step[] };

/** Paths are relative to the spool; `drop` and `repeat` name a file of `incoming/`, and put it there by a rename. */
type Step =
  | ({ drop: string } & Content)
  /** As `drop`, again and again until it was not rejected: what was done by hand before is noticed at the consumer's next look. */
  | ({ repeat: string } & Content)
  /** A new text for a file that is there, by a rename. */
  | ({ replace: string } & Content)
  /** Written in place, byte by byte into its final name. */
  | { write: string; text: string }
  | { touch: string }
  | { remove: string }
  | { move: string; to: string }
  | { link: string; target: string }
  | { folder: string }
  | { expect: Expectation[] };

type Content = { body?: object; text?: string };

/** Starts the consumer on an empty spool, and tries the cases one after the other. */
export async function checkConsumer(cases: readonly ConsumerCase[], command: string[], waitMs: number, verdict: Verdict): Promise<void> {
  await withSpool(async (spool) => {
    const consumer = start(command, spool);
    try {
      for (const one of cases) verdict.note(one.name, await check(one, consumer, spool, waitMs));
    } finally {
      await stop(consumer);
    }
  });
}

type Consumer = { child: ChildProcess; output: () => string; exited: Promise<string> };

function start([program = '', ...args]: string[], spool: string): Consumer {
  const env = {
    JOBSPOOL_DIR: spool,
    JOBSPOOL_JOBS: path.join(import.meta.dirname, 'handlers.json'),
    JOBSPOOL_RUNNERS: '1',
    JOBSPOOL_PORT: '0',
    // Who looks seldom cannot be seen to wait for two seconds.
    JOBSPOOL_SCAN: '200ms',
  };
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message)).once('exit', (code, signal) => done(`it ended with ${code ?? signal}`));
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      said = `${said}${chunk}`.slice(-MAX_SAID);
    });
  }
  return { child, output: () => said, exited };
}

const MAX_SAID = 2_000;

async function stop({ child, exited }: Consumer): Promise<void> {
  child.kill('SIGTERM');
  const patience = new AbortController();
  await Promise.race([exited, pause(STOP_MS, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
  child.kill('SIGKILL');
  await exited;
}

/** What runs then is over by itself or was cancelled. */
const STOP_MS = 40_000;

async function check({ steps }: ConsumerCase, consumer: Consumer, spool: string, waitMs: number): Promise<string[]> {
  const deadline = performance.now() + waitMs;
  for (const step of steps) {
    const broken = 'expect' in step ? await untilMet(step.expect, spool, deadline) : await act(step, spool, deadline);
    if (broken.length === 0) continue;
    const { child } = consumer;
    const isOver = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    return isOver ? [...broken, `the consumer is gone: ${await consumer.exited}; it said: ${consumer.output()}`] : broken;
  }
  return [];
}

const LOOK_MS = 20;

async function untilMet(expected: Expectation[], spool: string, deadline: number): Promise<string[]> {
  for (;;) {
    const broken = expected.flatMap((one) => unmet(one, spool) ?? []);
    if (broken.length === 0 || performance.now() >= deadline) return broken;
    await pause(LOOK_MS);
  }
}

async function act(step: Exclude<Step, { expect: unknown }>, spool: string, deadline: number): Promise<string[]> {
  const at = (file: string): string => path.join(spool, file);
  if ('drop' in step) put(spool, `incoming/${step.drop}`, step);
  else if ('repeat' in step) return repeat(spool, step.repeat, step, deadline);
  else if ('replace' in step) put(spool, step.replace, step);
  else if ('write' in step) fs.writeFileSync(at(step.write), step.text);
  else if ('touch' in step) fs.writeFileSync(at(step.touch), '');
  else if ('link' in step) fs.symlinkSync(at(step.target), at(step.link));
  else if ('folder' in step) fs.mkdirSync(at(step.folder));
  else return moveOrRemove(step, spool);
  return [];
}

function moveOrRemove(step: { move: string; to: string } | { remove: string }, spool: string): string[] {
  const pattern = 'move' in step ? step.move : step.remove;
  const file = resolve(spool, pattern);
  if (file === undefined) return [`expected ${pattern} to be there, to be moved or removed by hand`];
  if (!('move' in step)) fs.rmSync(path.join(spool, file));
  else fs.renameSync(path.join(spool, file), path.join(spool, step.to.endsWith('/') ? `${step.to}${path.basename(file)}` : step.to));
  return [];
}

function put(spool: string, target: string, { body, text }: Content): void {
  const draft = path.join(spool, 'tmp', `conformance-${path.basename(target)}`);
  fs.writeFileSync(draft, text ?? JSON.stringify(body));
  fs.renameSync(draft, path.join(spool, target));
}

async function repeat(spool: string, name: string, content: Content, deadline: number): Promise<string[]> {
  const rejected = path.join(spool, 'rejected', name);
  while (performance.now() < deadline) {
    put(spool, `incoming/${name}`, content);
    while (fs.existsSync(path.join(spool, 'incoming', name)) && performance.now() < deadline) await pause(LOOK_MS);
    if (!fs.existsSync(rejected)) return [];
    fs.rmSync(rejected);
    fs.rmSync(`${rejected}.reason.json`, { force: true });
  }
  return [`expected ${name} to be accepted`];
}
