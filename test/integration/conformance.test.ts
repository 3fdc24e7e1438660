/** All that we call conforming, by the conformance kit: the producers, the command line and the service. And the kit itself: it finds out those that are not. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runShell } from '../support/program.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PRODUCERS = path.join(ROOT, 'spool', 'producers');
const FIXTURES = path.join(ROOT, 'test', 'fixtures');
const MAIN = path.join(ROOT, 'service', 'main.ts');
const ENV = { NODE_COMPILE_CACHE: path.join(ROOT, '.compile-cache'), JOBSPOOL_DURABILITY: 'full' };

/** A producer: what it needs from apt, how it is built into a folder, and its command. */
type Producer = {
  language: string;
  apt: string;
  tools: string[];
  build?: (out: string) => string[];
  command: (out: string) => string[];
};

const source = (file: string): string => path.join(PRODUCERS, file);
const fast = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

const ALL: Producer[] = [
  { language: 'POSIX sh', apt: 'coreutils', tools: ['sh'], command: () => ['sh', source('jobspool-submit.sh')] },
  { language: 'Python', apt: 'python3', tools: ['python3'], command: () => [pythonItself(), source('jobspool.py')] },
  {
    language: 'PHP',
    apt: 'php-cli',
    tools: ['php'],
    command: () => ['php', path.join(FIXTURES, 'producer.php')],
  },
  { language: 'Perl', apt: 'perl', tools: ['perl'], command: () => ['perl', source('Jobspool.pm')] },
  { language: 'Ruby', apt: 'ruby', tools: ['ruby'], command: () => ['ruby', source('jobspool.rb')] },
  {
    language: 'C',
    apt: 'gcc',
    tools: ['cc'],
    build: (out) => ['cc', '-std=c99', '-Wall', '-Wextra', '-Werror', '-DJOBSPOOL_MAIN', '-o', `${out}/submit`, source('jobspool.c')],
    command: (out) => [`${out}/submit`],
  },
  {
    language: 'Rust',
    apt: 'rustc',
    tools: ['rustc'],
    build: (out) => ['rustc', '-D', 'warnings', '-o', `${out}/submit`, source('jobspool.rs')],
    command: (out) => [`${out}/submit`],
  },
  {
    language: 'Go',
    apt: 'golang-go',
    tools: ['go'],
    build: (out) => ['go', 'build', '-o', `${out}/submit`, source('jobspool.go')],
    command: (out) => [`${out}/submit`],
  },
  {
    language: 'Java',
    apt: 'default-jdk-headless',
    tools: ['javac', 'java'],
    build: (out) => ['javac', '-Xlint:all', '-Werror', '-d', out, source('Jobspool.java')],
    command: (out) => ['java', ...fast, '-cp', out, 'Jobspool'],
  },
  {
    language: 'C#',
    apt: 'mono-mcs mono-runtime',
    tools: ['mcs', 'mono'],
    build: (out) => ['mcs', '-warnaserror', `-out:${out}/submit.exe`, source('Jobspool.cs')],
    // In Thailand it is the year 2569: what writes times as its user reads them is found out.
    command: (out) => ['env', 'LC_ALL=th_TH.UTF-8', 'mono', `${out}/submit.exe`],
  },
];

for (const { language, apt, tools, build, command } of ALL) {
  test(`what the producer in ${language} enqueues is whole, synced and named as the protocol says, and mistakes are told in words`, async (t) => {
    const missing = [...tools, 'strace'].find((tool) => !isThere(tool));
    if (missing) return t.skip(`SKIPPED: ${missing} is not there (apt: ${missing === 'strace' ? 'strace' : apt})`);
    const out = tempFolder(t);
    if (build)
      execFileSync((build(out) as [string])[0], build(out).slice(1), {
        env: { ...process.env, GOCACHE: `${out}/cache`, GO111MODULE: 'off' },
      });
    await keeps(['producer'], command(out));
  });
}

test('what jobspool run enqueues is whole, synced and named as the protocol says, and mistakes are told in words', async (t) => {
  if (!isThere('strace')) return t.skip('SKIPPED: strace is not there (apt: strace)');
  const command = ['sh', path.join(FIXTURES, 'jobspool-run.sh'), process.execPath, MAIN];
  await keeps(['producer', '--without', 'spool-check,exit-1'], command, true);
});

test('jobspool serve does with files what the protocol says', async () => {
  await keeps(['consumer'], [process.execPath, MAIN, 'serve']);
});

/** What is done to the producer in sh (`$` is doubled in what takes the place), which case finds it, and what the kit must say of it. */
const FAULTS: [what: string, from: string | RegExp, to: string, only: string, says: RegExp][] = [
  [
    'writes in incoming/ itself',
    '/tmp/$made.json',
    '/incoming/.$$made',
    'the file is written',
    /nothing in incoming\/ to be opened for writing/,
  ],
  ['does not sync the file', ' && sync "$draft"', '', 'the file is written', /the file to be synced/],
  ['does not sync the folder', /^sync "\$spool\/incoming".*\n/m, '', 'the file is written', /incoming\/ to be synced/],
  ['makes a wrong name', 'name=p$priority-', 'name=job-p$$priority-', 'a class alone', /expected a name of the form/],
  ['forgets the priority', 'name=p$priority-', 'name=p5-', 'the highest priority', /expected the priority 10, got 5/],
  ['rounds a delay down', ' + delay + 1', ' + delay - 1', 'a delay in seconds', /expected a run-at from/],
  ['lets nobody else read', 'umask 027', 'umask 077', 'a class alone', /expected the group to be able to read/],
  ['lets everybody read', 'umask 027', 'umask 002', 'a class alone', /nobody but user and group/],
  ['lets the group write', 'umask 027', 'umask 007', 'in a drop folder', /nobody but its owner to be able to change it/],
  ['loses backslashes', String.raw`s/[\\"]/\\&/g`, 's/a/a/', 'a class in a namespace', /UTF-8 JSON|expected the body/],
  ['replaces a request', 'ln "$draft"', 'mv "$$draft"', 'a request of the same name', /in incoming\/ before, to be left as it was/],
  [
    'leaves its draft behind',
    '{ rm -f "$draft"; fail "$draft could',
    '{ fail "$$draft could',
    'what could not be synced',
    /tmp\/ to be left empty/,
  ],
  ['does not look whether there was room', ' && sync "$draft"; }', '; }', 'what could not be synced', /nothing to come to incoming/],
  ['prints more than the id', /^echo "/m, 'echo "enqueued ', 'a class alone', /expected the id .* on stdout/],
  [
    'makes a spool',
    'fail "expected a spool',
    'mkdir -p "$$spool/tmp" "$$spool/incoming" || fail "',
    'where no spool is',
    /expected no spool to be made/,
  ],
  [
    'tells of a spool that is not there as of a wrong argument',
    'fail "expected a spool',
    'refuse "expected a spool',
    'where no spool is',
    /expected the exit code 1 for a job that cannot be enqueued, got 2/,
  ],
  [
    'does not look whether the folder was synced',
    'fail "$spool/incoming could not be synced',
    ': "',
    'what a power cut may lose',
    /expected the exit code 1 for a job that cannot be enqueued, got 0/,
  ],
  [
    'renames a file whose id the caller chose',
    'ln "$draft"',
    'perl -e \'rename $$ARGV[0], $$ARGV[1]\' "$$draft"',
    'the same for a file whose id',
    /a rename replaces a request of that id that came meanwhile/,
  ],
  ['takes any day', 'is_time "$2" ||', 'true ||', 'a day that the calendar', /the exit code 2 for wrong arguments, got 0/],
  ['reads numbers as octal', '*[!0-9]* | 0?*', '*[!0-9]*', 'numbers with zeros', /expected a run-at .*expected UTF-8 JSON/s],
  ['leaves control characters in its JSON', /\*\[\[:cntrl:\]\]\*\) refuse .*/, '', 'a control character', /expected UTF-8 JSON/],
  ['cuts numbers', /params=(.*)/, 'params=$$(printf %s "$1" | sed \'s/0*4,/,/\')', 'params of every kind', /expected the body/],
  [
    'takes an option for a class',
    '-ge 2 ] || usage',
    '-ge 2 ] || break',
    'an option without',
    /the exit code 2 for wrong arguments, got 0/,
  ],
];

test('the kit finds a producer out by what it does wrong, and says what that is', async (t) => {
  if (!isThere('strace')) return t.skip('SKIPPED: strace is not there (apt: strace)');
  const right = fs.readFileSync(source('jobspool-submit.sh'), 'utf8');
  const folder = tempFolder(t);
  for (const [what, from, to, only, says] of FAULTS) {
    const wrong = right.replace(from, to);
    assert.notEqual(wrong, right, `the producer that ${what} is another`);
    fs.writeFileSync(path.join(folder, 'wrong.sh'), wrong);
    const { code, out } = await kit(['producer', '--only', only], ['sh', path.join(folder, 'wrong.sh')]);
    assert.equal(code, 1, `the producer that ${what} passes:\n${out}`);
    assert.match(out, says, `the producer that ${what}`);
  }
});

/** What is called in a language, and what it must say, a line for each call: of an enqueued job the number of its params. */
const CALLS: { language: string; apt: string; tool: string; command: (folder: string) => string[]; says: RegExp[] }[] = [
  {
    language: 'Python',
    apt: 'python3',
    tool: 'python3',
    command: () => [pythonItself(), path.join(FIXTURES, 'producers', 'calls.py'), PRODUCERS],
    says: [/^priority: .* got 8\.0$/, /^priority: .* got True$/, /^retries: .* got 1\.0$/],
  },
  {
    language: 'Ruby',
    apt: 'ruby',
    tool: 'ruby',
    command: () => ['ruby', path.join(FIXTURES, 'producers', 'calls.rb'), PRODUCERS],
    says: [/^priority: .* got 8\.0$/, /JSON can hold/, /JSON can hold/],
  },
  {
    language: 'Go',
    apt: 'golang-go',
    tool: 'go',
    command: (folder) => {
      // As one does who copies it: without its main.
      fs.writeFileSync(`${folder}/jobspool.go`, fs.readFileSync(source('jobspool.go'), 'utf8').replace('func main()', 'func command()'));
      fs.copyFileSync(path.join(FIXTURES, 'producers', 'calls.go'), `${folder}/calls.go`);
      return ['env', 'GO111MODULE=off', `GOCACHE=${folder}/cache`, 'go', 'run', `${folder}/jobspool.go`, `${folder}/calls.go`];
    },
    says: [/^\[\]$/, /^\[\]$/, /params: .* got string/, /params: .* got int/],
  },
];

for (const { language, apt, tool, command, says } of CALLS) {
  test(`a call in ${language} with what makes no request is refused, and what looks like one is one`, (t) => {
    if (!isThere(tool)) return t.skip(`SKIPPED: ${tool} is not there (apt: ${apt})`);
    const { root, incoming } = tempSpool(t);
    const [program = '', ...args] = command(tempFolder(t));
    const { stdout, stderr } = spawnSync(program, args, { env: { ...process.env, JOBSPOOL_DIR: root }, encoding: 'utf8' });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, says.length, stdout + stderr);
    for (const [index, line] of lines.entries()) assert.match(line, says[index] as RegExp);
    assert.equal(fs.readdirSync(incoming).length, lines.filter((line) => line === '[]').length);
  });
}

test('no case for producers is kept by one that does nothing', async () => {
  const { code, out } = await kit(['producer'], ['true']);
  assert.equal(code, 1);
  assert.deepEqual(keptIn(out), []);
});

test('no case for services is kept by one that does nothing, and one that runs whatever comes is found out', async () => {
  const nothing = await kit(['consumer', '--wait', '0.05'], ['sleep', '600']);
  assert.equal(nothing.code, 1);
  assert.deepEqual(keptIn(nothing.out), []);
  const naive = await kit(['consumer', '--wait', '0.3'], [process.execPath, path.join(FIXTURES, 'naive-consumer.ts')]);
  assert.equal(naive.code, 1);
  assert.deepEqual(keptIn(naive.out), []);
});

test('the kit is told when it is asked wrongly, and no case at all is no success', async () => {
  for (const args of [['producer'], ['nobody', '--', 'true'], ['producer', '--without', 'legs', '--', 'true']]) {
    const { code, err } = await runShell([process.execPath, path.join(ROOT, 'spool/conformance/run.ts'), ...args], {});
    assert.equal(code, 2);
    assert.match(err, /^usage: /);
  }
  assert.equal((await kit(['producer', '--only', 'no such case'], ['true'])).code, 1);
  assert.match((await kit(['producer', '--only', 'a class alone'], ['/no/such/program'])).out, /no such file|not found|127/i);
});

async function keeps(args: string[], command: string[], mayLack = false): Promise<void> {
  const { code, out, err } = await kit(args, command);
  assert.equal(code, 0, `${out}\n${err}`);
  const skipped = out.split('\n').filter((line) => line.startsWith('SKIPPED: ') && !(mayLack && line.includes('is said to be without')));
  assert.deepEqual(skipped, []);
}

const kit = (args: string[], command: string[]) =>
  runShell([process.execPath, path.join(ROOT, 'spool/conformance/run.ts'), ...args, '--', ...command], ENV);

const keptIn = (out: string): string[] => out.split('\n').flatMap((line) => (line.startsWith('ok - ') ? line.slice(5) : []));

const isThere = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/** What `python3` is, past the scripts that choose among several. */
const pythonItself = (): string => execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
