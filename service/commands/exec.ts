import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import type { JobLogger } from '../../jobs/handler.ts';
import type { Allowlist, Permitted } from '../../jobs/load-allowlist.ts';
import { disk } from '../../spool/disk.ts';
import { jobFileName } from '../../spool/filename.ts';
import { type End, type Job, jobOf } from '../../spool/job.ts';
import { checkRequest } from '../../spool/request.ts';
import type { Config } from '../config.ts';
import { printJson } from '../output.ts';
import { progressLine } from '../progress-line.ts';
import { EXIT, type ExitCode, usage } from './exit.ts';
import { paramsOf } from './params.ts';
import { PARAMS_HELP } from './run.ts';
import { addFlags, configOf } from './settings.ts';

/** `exec`: run a handler here and now. */
export function addExec(program: Command): void {
  const exec = program
    .command('exec')
    .description('run one attempt here and now, without the queue, and print its result as JSON')
    .argument('<class>', 'a class on the allow-list')
    .argument('<method>', 'one of its methods')
    .argument('[params...]', 'its parameters')
    .option('--params <json>', 'all params as one JSON array or object, instead of PARAMS')
    .addHelpText(
      'after',
      `${PARAMS_HELP}

What the handler prints goes to standard error, its result to standard output. There are no retries. Ctrl-C aborts the
handler's signal; a second one ends it at once.

Examples:
  $ jobspool exec ExampleJob execute Hello
  $ jobspool exec FetchUrl head https://example.org | jq .status`,
    )
    .action(async (className: string, method: string, args: string[], flags: { params?: string }, command: Command) => {
      const request = { class: className, method, params: paramsOf(args, flags.params) };
      const code = await execNow(request, configOf(command, 'dispatcher'));
      // A handler may leave a server or a timer behind that would keep the process alive.
      process.stdout.write('', () => process.exit(code));
    });
  addFlags(exec, 'dispatcher');
}

async function execNow(body: object, config: Config): Promise<ExitCode> {
  const { findAllowlist, loadAllowlist } = await import('../../jobs/load-allowlist.ts');
  const parsed = checkRequest(body);
  if (!parsed.ok) throw usage(`exec: ${parsed.reason}`);
  const allowlist = await loadAllowlist(findAllowlist(config.jobs));
  const checked = allowlist.check(parsed.request);
  if (!checked.ok) return say({ kind: 'refused', reason: checked.reason });
  const now = Date.now();
  const job = jobOf(jobFileName({ priority: 5, runAt: now, id: `exec-${process.pid}` }), parsed.request);
  return say(await attempt(job, checked, allowlist, config));
}

async function attempt(job: Job, permitted: Permitted, allowlist: Allowlist, config: Config): Promise<End> {
  const { execute } = await import('../../jobs/execute.ts');
  const { WarmCommands } = await import('../../jobs/warm-commands.ts');
  const policy = allowlist.policyOf(job.request, config.policy);
  const stopping = await stopper(policy.timeoutMs, config.killGraceMs);
  const folder = privateFolder();
  const files = { result: path.join(folder, 'result'), progress: path.join(folder, 'progress') };
  const progress = progressLine();
  const print = printToStandardError();
  const warm = new WarmCommands({ folder: allowlist.folder, log: plainLogger, killGraceMs: config.killGraceMs });
  try {
    return await execute(job, permitted, {
      allowlist,
      policy,
      signal: stopping.signal,
      broken: firstStrayError(),
      log: plainLogger,
      progress: (percent) => progress.show(`${job.request.class}.${job.request.method}: ${percent} %`),
      output: () => STDERR,
      print: (bytes) => void process.stderr.write(bytes),
      outputTail: () => '',
      files,
      clear: (file) => void (disk.facts(file)?.isFolder ? disk.removeFolder(file) : disk.remove(file)),
      killGraceMs: config.killGraceMs,
      warm,
    });
  } finally {
    await warm.end();
    progress.clear();
    print.restore();
    stopping.forget();
    for (const file of Object.values(files)) if (!disk.facts(file)?.isFolder) disk.remove(file);
    disk.removeFolder(folder);
  }
}

const STDERR = 2;
/** Longer timers fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Aborts at the first SIGINT or SIGTERM and at the timeout; ends the process at the second signal, or when the handler does not stop. */
async function stopper(timeoutMs: number, graceMs: number): Promise<{ signal: AbortSignal; forget(): void }> {
  const { stopError } = await import('../../jobs/stop.ts');
  const controller = new AbortController();
  let giveUp: NodeJS.Timeout | undefined;
  const late = setTimeout(
    () => {
      controller.abort(stopError('timed-out'));
      giveUp = setTimeout(() => endNow('it did not stop within the grace after its timeout', EXIT.failed), 2 * graceMs + 1_000);
    },
    Math.min(timeoutMs, MAX_TIMER_MS),
  );
  const interrupt = () => {
    if (controller.signal.aborted) endNow('interrupted twice', EXIT.interrupted);
    controller.abort(stopError('cancelled'));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
  return {
    signal: controller.signal,
    forget() {
      clearTimeout(late);
      clearTimeout(giveUp);
    },
  };
}

function endNow(why: string, code: ExitCode): void {
  console.error(`jobspool: exec ended without its handler: ${why}`);
  process.exit(code);
}

/** Rejects with the first error that no promise of the handler's holds. */
function firstStrayError(): Promise<never> {
  const stray = new Promise<never>((_, reject) => {
    process.on('uncaughtException', reject);
  });
  stray.catch(() => {
    // Only its race against the handler matters.
  });
  return stray;
}

/** Standard output is for the result alone. */
function printToStandardError(): { restore(): void } {
  const original = process.stdout.write;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return {
    restore() {
      process.stdout.write = original;
    },
  };
}

const line = (level: string) => (text: string, fields?: object) =>
  console.error(`${level} ${text}${fields ? ` ${JSON.stringify(fields)}` : ''}`);
const plainLogger: JobLogger = { info: line('INFO'), warn: line('WARN'), error: line('ERROR') };

// Under a name that nobody can have made before us.
function privateFolder(): string {
  const folder = path.join(os.tmpdir(), `jobspool-exec-${randomUUID()}`);
  disk.makeFolder(folder);
  return folder;
}

function say(end: End): ExitCode {
  switch (end.kind) {
    case 'completed':
      if (end.result !== undefined) printJson(end.result);
      return EXIT.ok;
    case 'cancelled':
      console.error('jobspool: interrupted');
      return EXIT.interrupted;
    case 'refused':
      console.error(`jobspool: rejected: ${end.reason}`);
      return EXIT.failed;
    case 'snoozed':
      console.error('jobspool: the job put itself off; in the queue it would run again later');
      return EXIT.failed;
    case 'released':
      return EXIT.failed;
    default:
      console.error(`jobspool: ${end.kind}: ${end.error.stack?.includes(end.error.message) ? end.error.stack : wholeError(end.error)}`);
      return EXIT.failed;
  }
}

const wholeError = ({ name, message, stack }: { name: string; message: string; stack?: string | undefined }): string =>
  `${name}: ${message}${stack ? `\n${stack}` : ''}`;
