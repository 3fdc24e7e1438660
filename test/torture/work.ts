/**
 * The jobs of the torture. Each attempt says when it starts and how it ends in a side file outside of the spool, so that executions are counted
 * independently of Jobspool's own books.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobContext, PermanentError, Snooze } from '../../jobs/handler.ts';

const HANG_MS = 60_000;

export class Work {
  noop(key: string): void {
    attest('S', key);
    attest('E', key);
  }

  async wait(key: string, ms: number): Promise<number> {
    attest('S', key);
    await sleep(ms);
    attest('E', key);
    return ms;
  }

  /** Blocks the event loop. */
  spin(key: string, ms: number): void {
    attest('S', key);
    const end = performance.now() + ms;
    while (performance.now() < end);
    attest('E', key);
  }

  async child(key: string, ms: number): Promise<void> {
    attest('S', key);
    const child = spawn('sh', ['-c', `sleep ${ms / 1_000}`], { stdio: 'inherit' });
    await new Promise((resolve) => child.once('exit', resolve));
    attest('E', key);
  }

  print(key: string, lines: number): void {
    attest('S', key);
    for (let line = 0; line < lines; line++) console.log(`${key} prints line ${line} of ${lines}`);
    attest('E', key);
  }

  failUntil(key: string, attempt: number): void {
    attest('S', key);
    if (jobContext().attempt <= attempt) throw new Error(`attempt ${jobContext().attempt} of ${attempt} that fail`);
    attest('E', key);
  }

  fail(key: string): void {
    attest('S', key);
    throw new Error('as it should');
  }

  permanent(key: string): void {
    attest('S', key);
    throw new PermanentError('for ever');
  }

  snooze(key: string, until: number): void {
    attest('S', key);
    if (Date.now() < until) throw new Snooze('200ms');
    attest('E', key);
  }

  /** Waits to be stopped. */
  async hang(key: string): Promise<void> {
    attest('S', key);
    await sleep(HANG_MS, undefined, { signal: jobContext().signal });
    attest('E', key);
  }

  fresh(key: string): void {
    attest('S', key);
    attest('E', key);
  }

  /** Shares its runner. A negative time blocks the process that long. */
  async beside(key: string, ms: number): Promise<void> {
    if (ms < 0) return this.spin(key, -ms);
    attest('S', key);
    await sleep(ms, undefined, { signal: jobContext().signal });
    attest('E', key);
  }

  suicide(key: string): void {
    attest('S', key);
    if (jobContext().attempt === 1) process.kill(process.pid, 'SIGKILL');
    attest('E', key);
  }
}

let file: number | undefined;

// One write(2) of one line, so that lines of many processes never mix and a kill loses none.
function attest(what: 'S' | 'E', key: string): void {
  file ??= fs.openSync(process.env.TORTURE_EVIDENCE ?? '/dev/null', 'a');
  fs.writeSync(file, `${what} ${key} ${jobContext().attempt} ${process.pid} ${Date.now()}\n`);
}
