import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { printJson, write } from '../output.ts';
import { forTerminal } from '../terminal.ts';
import { unknownJob } from './exit.ts';
import { existingSpool } from './settings.ts';

type LogFlags = { follow?: true; lines?: number; json?: true };

/** `logs`: what a job has printed. */
export function addLogs(program: Command): void {
  program
    .command('logs')
    .description('what a job has printed, all attempts')
    .argument('<id>', "the job's id")
    .option('-f, --follow', 'go on until the job is over')
    .option('-n, --lines <n>', 'begin with the last n lines', whole)
    .option('--json', 'print a JSON object per line: {"id","attempt","text"}')
    .addHelpText(
      'after',
      `
Examples:
  $ jobspool logs report-2026
  $ jobspool logs report-2026 -f -n 20`,
    )
    .action(async (id: string, flags: LogFlags, command: Command) => {
      const spool = existingSpool(command);
      const isKnown = jobStatus(spool, id) !== undefined;
      if (!isKnown && !spool.disk.exists(spool.jobLog(id))) throw unknownJob('logs', id, spool.root);
      const show = flags.json ? jsonLines(id) : plainly();
      let offset = showFirst(spool, id, flags.lines, show);
      if (flags.follow && isKnown) offset = await follow(spool, id, offset, show);
      if (offset === 0) console.error(`jobspool: ${id} has printed nothing`);
    });
}

const CHUNK = 65_536;
const POLL_MS = 200;

type Show = (bytes: Buffer) => void;

// A program gets the bytes as they are.
const plainly = (): Show => (process.stdout.isTTY ? forTerminal(write) : write);

/** Shows what is there, or its last lines; returns where it stopped. */
function showFirst(spool: Spool, id: string, lines: number | undefined, show: Show): number {
  return showFrom(spool, id, lines === undefined ? 0 : startOfLast(spool, id, lines), show);
}

function showFrom(spool: Spool, id: string, from: number, show: Show): number {
  let offset = from;
  for (;;) {
    const bytes = spool.disk.readBytes(spool.jobLog(id), offset, CHUNK);
    if (bytes.length === 0) return offset;
    show(bytes);
    offset += bytes.length;
  }
}

function startOfLast(spool: Spool, id: string, lines: number): number {
  const file = spool.jobLog(id);
  const bytes = spool.disk.readBytes(file, 0, spool.disk.facts(file)?.size ?? 0);
  let start = bytes.length;
  for (let left = lines; left > 0 && start > 0; left--) start = start < 2 ? 0 : bytes.lastIndexOf(NEWLINE, start - 2) + 1;
  return start;
}

const NEWLINE = 0x0a;

async function follow(spool: Spool, id: string, from: number, show: Show): Promise<number> {
  let isOver = false;
  const over = waitForJob(spool, id).then(() => {
    isOver = true;
  });
  let offset = from;
  for (;;) {
    // Read before and after: what was printed last is there when the job is over.
    const wasOver = isOver;
    // The middle of a log that is too long is cut out: what follows is at the new end.
    offset = Math.min(offset, spool.disk.facts(spool.jobLog(id))?.size ?? 0);
    offset = showFrom(spool, id, offset, show);
    if (wasOver) return offset;
    await Promise.race([sleep(POLL_MS), over]);
  }
}

/** Gives each whole line as an object; the headings in the log say which attempt it is of. */
function jsonLines(id: string): Show {
  let attempt = 1;
  let rest = '';
  const decoder = new TextDecoder();
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) {
      const heading = /^--- attempt (\d+)[ ,].* ---$/.exec(text);
      if (heading) attempt = Number(heading[1]);
      else printJson({ id, attempt, text });
    }
  };
}

function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a whole number, got ${JSON.stringify(text)}.`);
}
