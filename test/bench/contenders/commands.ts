import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Contender } from '../contender.ts';
import { commandOfJobspool } from './jobspool.ts';
import { processPerJob } from './process-per-job.ts';

/** An interpreter whose start is dear, and the same job for it in three ways. */
type Interpreter = {
  name: string;
  /** Whether it is there; undefined: how to install it. */
  program: string | undefined;
  install: string;
  /** A command of Jobspool that serves both protocols; it runs in the folder of the benchmark. */
  command: string[];
  /** A program that does one job; its number and how long it works are added. Undefined: nobody starts it by hand. */
  byHand?: string[];
};

const here = (file: string): string => path.join(import.meta.dirname, file);

// What stands before an interpreter (pyenv's script, say) would be measured with each start.
const python = saidBy('python3', ['-c', 'import sys; print(sys.executable)']);
const php = saidBy('php', ['-r', 'echo PHP_BINARY;']);

/** `BENCH_COMMAND='["php","worker.php"]'` names one more, which finds the number of its job in `params[0].number`, and notes it as `command.php` does. */
const given = process.env.BENCH_COMMAND === undefined ? [] : [givenCommand(JSON.parse(process.env.BENCH_COMMAND) as string[])];

const interpreters: Interpreter[] = [
  {
    name: 'python',
    program: python,
    install: 'apt-get install --no-install-recommends python3',
    command: [python ?? '', here('command.py')],
    byHand: [python ?? '', here('job.py')],
  },
  {
    name: 'php',
    program: php,
    install: 'apt-get install --no-install-recommends php-cli',
    command: [php ?? '', here('command.php')],
    byHand: [php ?? '', here('job.php')],
  },
  {
    name: 'laravel',
    program: hasLaravel() ? php : undefined,
    install: 'apt-get install --no-install-recommends php-cli php-mbstring php-xml php-sqlite3 php-laravel-framework',
    command: [php ?? '', path.resolve(import.meta.dirname, '../../../jobs/commands/laravel/worker.php'), here('laravel/app.php')],
    byHand: [php ?? '', here('laravel/artisan.php')],
  },
  ...given,
];

const ONLY = ['commands'];

/** Jobs of other languages: started for each by Jobspool and by hand, and kept from job to job by Jobspool. */
export const contenders: Contender[] = interpreters.flatMap(({ name, program, install, command, byHand }) => {
  const missing = () => (program === undefined ? `${name} is not installed: ${install}` : undefined);
  return [
    { ...commandOfJobspool(`${name}-lines`, command, 'lines'), missing, share: 0.5, only: ONLY },
    { ...commandOfJobspool(`${name}-once`, command, 'once'), missing, share: 0.02, only: ONLY },
    ...(byHand ? [{ ...processPerJob(`${name}-by-hand`, byHand[0] as string, byHand.slice(1), install), missing, only: ONLY }] : []),
  ];
});

function givenCommand(command: string[]): Interpreter {
  return { name: 'given', program: command[0], install: 'see BENCH_COMMAND', command };
}

function hasLaravel(): boolean {
  return (
    saidBy('php', [
      '-r',
      "@include 'Illuminate/autoload.php'; echo class_exists('Illuminate\\\\Foundation\\\\Application') ? 'yes' : 'no';",
    ]) === 'yes'
  );
}

function saidBy(program: string, args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
