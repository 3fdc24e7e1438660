import path from 'node:path';
import type { Command } from 'commander';
import type { Attempt } from '../../spool/attempt.ts';
import { shellCommands } from '../../spool/by-hand.ts';
import { formatDuration } from '../../spool/duration.ts';
import { fileText, type JobStatus, jobStatus, locate } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { colour, oneLine, print, printJson } from '../output.ts';
import { unknownJob } from './exit.ts';
import { existingSpool } from './settings.ts';
import { statusLine } from './status-line.ts';

/** `show` and `status`: what the spool says of one job. */
export function addShow(program: Command): void {
  program
    .command('show')
    .description('all that is known of a job')
    .argument('<id>', "the job's id")
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ jobspool show report-2026
  $ jobspool show report-2026 --json | jq .attempts`,
    )
    .action((id: string, { json }: { json?: true }, command: Command) => {
      const spool = existingSpool(command);
      const status = known(spool, 'show', id);
      if (json) printJson({ ...status, ...filesOf(spool, status) });
      else for (const line of described(spool, status)) print(line);
    });
  program
    .command('status')
    .description('a job in one line: ID state …')
    .argument('<id>', "the job's id")
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Exits with 0 whatever the state; jobspool wait has exit codes for how a job ended.

Examples:
  $ jobspool status report-2026
  $ jobspool status report-2026 | cut -d' ' -f2`,
    )
    .action((id: string, { json }: { json?: true }, command: Command) => {
      const status = known(existingSpool(command), 'status', id);
      if (json) printJson(status);
      else print(statusLine(status));
    });
}

function known(spool: Spool, what: string, id: string): JobStatus {
  const status = jobStatus(spool, id);
  if (!status) throw unknownJob(what, id, spool.root);
  return status;
}

function described(spool: Spool, status: JobStatus): string[] {
  const { params, priority, runAt, acceptedAt, submittedBy, retries, reason } = status;
  const { file, log } = filesOf(spool, status);
  return [
    statusLine(status),
    '',
    ...rows([
      ['params', params === undefined ? undefined : oneLine(JSON.stringify(params))],
      ['result', 'result' in status ? oneLine(JSON.stringify(status.result)) : undefined],
      ['reason', reason === undefined ? undefined : oneLine(reason)],
      ['priority', String(priority)],
      ['run-at', runAt],
      ['accepted', acceptedAt],
      ['submitter', submittedBy === undefined ? undefined : `uid ${submittedBy}`],
      ['retries', retries === undefined ? undefined : `${retries}, as the request asks`],
      ['file', file ?? `a line of the ledger in ${path.join(spool.completed, (status.finishedAt ?? '').slice(0, 10))}`],
      ['log', log ?? 'it has printed nothing'],
    ]),
    ...attemptLines(status.attempts),
    ...commandLines(spool, status),
  ];
}

function filesOf(spool: Spool, { id }: JobStatus): { file?: string; log?: string } {
  const place = locate(spool, id);
  const file = place && fileText(place);
  const log = spool.jobLog(id);
  return { ...(file === undefined ? {} : { file }), ...(spool.disk.exists(log) ? { log } : {}) };
}

function rows(pairs: [string, string | undefined][]): string[] {
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [`  ${colour('bold', name.padEnd(9))} ${value}`]));
}

function attemptLines(attempts: readonly Attempt[]): string[] {
  if (attempts.length === 0) return [];
  return ['', colour('bold', attempts.length === 1 ? '1 attempt' : `${attempts.length} attempts`), ...attempts.flatMap(attemptOf)];
}

function attemptOf({ number, outcome, startedAt, finishedAt, runner, error }: Attempt): string[] {
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const head = `  ${number}  ${outcome} after ${took}, began ${startedAt} in ${oneLine(runner)}`;
  if (!error) return [head];
  const text = error.stack?.includes(error.message)
    ? error.stack
    : `${error.name}: ${error.message}${error.stack ? `\n${error.stack}` : ''}`;
  return [
    head,
    ...text
      .trimEnd()
      .split('\n')
      .map((line) => `       ${oneLine(line)}`),
  ];
}

/** The shell commands that steer the job without this program. */
function commandLines(spool: Spool, status: JobStatus): string[] {
  const place = locate(spool, status.id);
  const commands = place ? shellCommands(spool, status, place) : [];
  return commands.length === 0
    ? []
    : ['', colour('bold', 'by hand'), ...commands.map(({ does, command }) => `  ${does.padEnd(9)} ${command}`)];
}
