import { type Command, InvalidArgumentError } from 'commander';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Submission, submit } from '../../spool/submit.ts';
import { print } from '../output.ts';
import { paramsOf } from './params.ts';
import { configOf } from './settings.ts';
import { waitAndSay } from './wait.ts';

type RunFlags = {
  params?: string;
  priority?: number;
  delay?: string;
  at?: string;
  retries?: number;
  retryDelay?: string;
  backoff?: string;
  timeout?: string;
  id?: string;
  traceparent?: string;
  tracestate?: string;
  wait?: true;
  waitTimeout?: string;
  json?: true;
};

export const PARAMS_HELP = `
PARAMS: each is one positional parameter, JSON where it parses as JSON and a string where not. One alone that is a JSON
object is passed as that object. What begins with a dash comes after --.`;

/** `run`: enqueue a job. */
export function addRun(program: Command): void {
  program
    .command('run')
    .description('enqueue a job and print its id; needs no running service')
    .argument('<class>', 'a class on the allow-list')
    .argument('[method]', 'one of its methods', 'handle')
    .argument('[params...]', 'its parameters')
    .option('--params <json>', 'all params as one JSON array or object, instead of PARAMS')
    .option('-p, --priority <n>', '1 to 10, higher runs first (default 5)', whole)
    .option('--delay <duration>', 'run after this time: 30s, 5m, 2h')
    .option('--at <time>', 'run at this time: 2026-11-22T10:15:00Z')
    .option('--retries <n>', 'attempts after the first', whole)
    .option('--retry-delay <duration>', 'the wait before the first retry')
    .option('--backoff <kind>', 'how the wait grows: fixed or exponential')
    .option('--timeout <duration>', 'how long one attempt may take')
    .option('--id <id>', "the job's id, instead of one made for it")
    .option('--traceparent <text>', 'the trace that it belongs to (W3C Trace Context)')
    .option('--tracestate <text>', 'what tracing systems add to that')
    .option('--wait', 'wait until the job is over; exit with 1 unless it completed')
    .option('--wait-timeout <duration>', 'wait no longer than this; then exit with 124, and the job goes on')
    .option('--json', 'print JSON: the id, or with --wait the status')
    .addHelpText(
      'after',
      `${PARAMS_HELP}

Examples:
  $ jobspool run ExampleJob execute "Sample Data"
  $ jobspool run CompressFile gzip in.txt out.txt.gz --priority 8 --retries 5 --wait
  $ jobspool run Report build '{"year":2026}' --delay 10m --id report-2026
  $ jobspool run Calculator add 2 3 -- -4`,
    )
    .action(async (className: string, method: string, args: string[], flags: RunFlags, command: Command) => {
      const submission = submissionOf(className, method, args, flags);
      const { dir, durability } = configOf(command);
      // Who may not see what becomes of a job is told so before it is submitted.
      const spool = openSpool(dir, { durability, reach: flags.wait ? 'all' : 'submit' });
      const [id = ''] = await submit(spool, [submission]);
      await report(spool, id, flags);
    });
}

async function report(spool: Spool, id: string, { wait, waitTimeout, json }: RunFlags): Promise<void> {
  if (wait || waitTimeout !== undefined) await waitAndSay(spool, id, { timeout: waitTimeout, json });
  else print(json ? JSON.stringify({ id }) : id);
}

function submissionOf(className: string, method: string, args: string[], flags: RunFlags): Submission {
  const { priority, delay, at, retries, retryDelay, backoff, timeout, id, traceparent, tracestate } = flags;
  const given = { priority, delay, at, retries, retryDelay, backoff, timeout, id, traceparent, tracestate };
  // What is wrong in them, `submit` says: it checks all that it writes.
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Omit<Submission, 'class'>;
  return { class: className, method, params: paramsOf(args, flags.params), ...options };
}

function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a whole number, got ${JSON.stringify(text)}.`);
}
