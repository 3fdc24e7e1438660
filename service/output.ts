/** What goes to standard output: lines, JSON, tables, colours where a person reads, and the log. */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { State } from '../spool/state.ts';
import { lineForTerminal } from './terminal.ts';

/** From now on a command whose reader goes away (`| head`) ends quietly. */
export function leaveWhenUnread(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}

/** Prints a line. */
export function print(line: string): void {
  write(`${line}\n`);
}

/** Prints a value as one line of NDJSON. */
export const printJson = (value: unknown): void => print(JSON.stringify(value));

/** Prints bytes as they are. */
export function write(bytes: string | Uint8Array): void {
  process.stdout.write(bytes);
}

type Colour = Parameters<typeof styleText>[0];

/** Colours text for standard output; unchanged where that is no terminal or NO_COLOR is set. */
export const colour = (how: Colour, text: string): string => styleText(how, text, { stream: process.stdout });

const STATE_COLOUR: Record<State, Colour> = {
  scheduled: 'blue',
  pending: 'cyan',
  running: 'yellow',
  retrying: 'magenta',
  completed: 'green',
  failed: 'red',
  cancelled: 'gray',
  rejected: 'red',
};

export const stateInColour = (state: State): string => colour(STATE_COLOUR[state], state);

/** One line of text that cannot steer a terminal: what jobs and producers wrote may hold anything. */
export const oneLine = (text: string): string => text.replace(/\r?\n/g, ' ').replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, '�');

/** Aligned columns under a head; on a terminal no line is wider than it. */
export function table(head: string[], rows: string[][]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd(),
  );
  const [first = '', ...rest] = lines;
  return [colour('bold', cut(first)), ...rest.map(cut)];
}

/** Where log lines, one or several at once, go beside the log files: a stream, as they are or, on a terminal, for people. */
export async function logSink(stream: NodeJS.WriteStream & { fd: number }): Promise<(lines: string) => void> {
  // A reader that goes away (`jobspool serve | head`) ends a command, but must not end the service.
  stream.removeAllListeners('error').on('error', () => undefined);
  // It may be a file on a full disk.
  process.stderr.on('error', () => undefined);
  if (!stream.isTTY) return together(stream);
  const { default: pretty } = await import('pino-pretty');
  const shown = pretty({
    colorize: !process.env.NO_COLOR,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: '{if id}{id} {end}{if class}{class}.{method} {end}{msg}',
    include: 'level,time,err,output',
    sync: true,
    destination: stream.fd,
  });
  return (lines) => {
    for (const line of lines.split('\n')) if (line !== '') shown.write(`${lineForTerminal(line)}\n`);
  };
}

// What is logged in one turn of the event loop goes out in one write, after what it was logged by: jobs wait for that, not for this.
function together(stream: NodeJS.WriteStream): (lines: string) => void {
  let held = '';
  const flush = () => {
    if (held !== '') stream.write(held);
    held = '';
  };
  process.once('exit', flush);
  return (lines) => {
    if (held === '') setImmediate(flush);
    held += lines;
  };
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length;

// A line with colours in it is left long rather than cut in the middle of one; the long column, the last, has none.
function cut(line: string): string {
  const { isTTY, columns } = process.stdout;
  const excess = widthOf(line) - (columns ?? 0);
  return isTTY && columns && excess > 0 ? `${line.slice(0, line.length - excess - 1)}…` : line;
}
