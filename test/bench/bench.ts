import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { messageOf } from '../../spool/errors.ts';
import { now } from './clock.ts';
import type { Contender, Floor } from './contender.ts';
import { all as allContenders } from './contenders/all.ts';
import { floors } from './contenders/floor.ts';
import { calibrate, folderForNotes, type MeasuredDisk, measuredDisk } from './disk.ts';
import { goalsOf } from './goals.ts';
import { isChosen, type Options } from './options.ts';
import { pageOf } from './page.ts';
import type { Report } from './report.ts';
import { type Figures, type Scenario, takesPart } from './scenario.ts';
import { all as allScenarios } from './scenarios/all.ts';
import { asText, goalsTable, tablesOf } from './table.ts';

/**
 * Measures every chosen scenario with every chosen contender, in interleaved repetitions, and prints the tables. Contenders that are not installed are named and left
 * out; a measurement that goes wrong is named, leaves no figure and makes the exit code 1. Ctrl-C ends it with what has been measured by then; twice, at once.
 */
export async function bench(options: Options): Promise<void> {
  const scenarios = allScenarios.filter(({ name }) => isChosen(name, options.scenarios));
  const asked = allContenders.filter(({ name }) => isChosen(name, options.contenders));
  const present = asked.filter((contender) => contender.missing() === undefined);
  const report = newReport(options, present, scenarios);
  report.skipped.push(...asked.flatMap(({ name, missing }) => (missing() === undefined ? [] : [`${name} is skipped: ${missing()}`])));
  for (const sentence of report.skipped) console.error(sentence);
  const disk = measuredDisk(options.disk);
  const notes = folderForNotes();
  report.disk = disk.what;
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
    report.errors.push('It was ended early.');
    console.error('The measurement that is under way is the last one.');
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  process.once('exit', disk.remove);
  try {
    for (const scenario of scenarios) await measureScenario(scenario, present, { disk, notes, options, report, stopping: stopping.signal });
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    process.removeListener('exit', disk.remove);
    disk.remove();
  }
  publish(report, options);
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** All once, then all again: what the machine does meanwhile meets everybody. */
async function measureScenario(scenario: Scenario, present: Contender[], place: Place): Promise<void> {
  const { options } = place;
  const own: Participant[] = present
    .filter((contender) => takesPart(contender, scenario))
    .map((contender) => ({ kind: 'contender', ...contender }));
  const bare: Participant[] = isChosen('floor', options.contenders)
    ? floors.filter((floor) => floor.scenarios.includes(scenario.name)).map((floor) => ({ kind: 'floor', ...floor }))
    : [];
  const everybody = [...own, ...(own.length > 0 ? bare : [])];
  for (let rep = 0; rep < Math.min(options.reps, scenario.maxReps ?? options.reps); rep++) {
    const start = rep % Math.max(1, everybody.length);
    for (const participant of [...everybody.slice(start), ...everybody.slice(0, start)]) {
      if (place.stopping.aborted) return;
      await measureOne(participant, { ...place, scenario, rep });
    }
  }
}

type Participant = ({ kind: 'contender' } & Contender) | ({ kind: 'floor' } & Floor);

type Place = { disk: MeasuredDisk; notes: string; options: Options; report: Report; stopping: AbortSignal };

type Turn = Place & { scenario: Scenario; rep: number };

async function measureOne(participant: Participant, { scenario, rep, disk, notes, options, report }: Turn): Promise<void> {
  const { name, family } = participant;
  const folder = fs.mkdtempSync(path.join(disk.folder, 'x-'));
  const own = fs.mkdtempSync(path.join(notes, 'x-'));
  const tally = path.join(own, 'tally');
  fs.chmodSync(folder, 0o755);
  fs.mkdirSync(tally);
  const began = now();
  try {
    const renames = calibrate(disk.folder);
    const jobs = Math.round(scenario.jobs?.(options.jobs) ?? options.jobs);
    const figures =
      participant.kind === 'floor'
        ? { perSecond: await participant.run(folder, jobs, scenario.payloadBytes ?? 200) }
        : await scenario.measure({ contender: participant, folder, tally, jobs: shareOf(participant, jobs), sizes: options.sizes });
    report.measurements.push({ scenario: scenario.name, contender: name, family, rep, figures, renames });
    console.error(`${scenario.name} ${rep + 1} ${name}: ${inShort(figures)} (${Math.round((now() - began) / 100) / 10} s)`);
  } catch (error) {
    report.errors.push(`${scenario.name}, repetition ${rep + 1}, ${name}: ${messageOf(error)}`);
    console.error(`${scenario.name} ${rep + 1} ${name}: ERROR ${messageOf(error)}`);
  } finally {
    fs.rmSync(own, { recursive: true, force: true });
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

// So many that a rate can be told, however slow it is.
const shareOf = ({ share = 1 }: Contender, jobs: number): number => Math.max(Math.min(5, jobs), Math.round(jobs * share));

const inShort = (figures: Figures): string =>
  Object.entries(figures)
    .map(([figure, value]) => `${figure} ${Number(value.toPrecision(4))}`)
    .join(', ');

function newReport(options: Options, present: Contender[], scenarios: Scenario[]): Report {
  return {
    made: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'cpu',
      cores: os.availableParallelism(),
      memoryGb: Math.round(os.totalmem() / 2 ** 30),
      kernel: os.release(),
      node: process.versions.node,
    },
    disk: '',
    // Where its figures were written is of no use to others.
    command: ['npm run bench --', ...process.argv.slice(2)].join(' ').replace(/ --json[ =]\S+/, ''),
    contenders: [
      ...present.map(({ name, settings, version }) => ({ name, settings, version: version() })),
      ...floors.map(({ name, settings }) => ({ name, settings, version: '' })),
    ],
    scenarios: scenarios.map(({ name, title, main, jobs }) => ({
      name,
      title,
      main,
      jobs: Math.round(jobs?.(options.jobs) ?? options.jobs),
    })),
    measurements: [],
    skipped: [],
    errors: [],
  };
}

function publish(report: Report, options: Options): void {
  const { machine } = report;
  console.log(`${machine.cpu} × ${machine.cores}, Linux ${machine.kernel}, Node ${machine.node}; on ${report.disk}; ${report.made}`);
  for (const { name, settings, version } of report.contenders) console.log(`  ${name} ${version}: ${settings}`);
  for (const table of [...tablesOf(report), goalsTable(goalsOf(report))]) console.log(`\n${asText(table)}`);
  for (const sentence of [...report.skipped, ...report.errors]) console.log(sentence);
  if (options.json) fs.writeFileSync(options.json, `${JSON.stringify({ ...report, goals: goalsOf(report) }, undefined, 1)}\n`);
  if (options.page) fs.writeFileSync(path.join(import.meta.dirname, 'README.md'), pageOf(report));
  if (report.errors.length > 0) process.exitCode = 1;
}

/** Names what can be chosen, and what is missing. */
export function list(): void {
  for (const { name, title } of allScenarios) console.log(`${name.padEnd(24)} ${title}`);
  for (const { name, settings, missing } of allContenders) console.log(`${name.padEnd(24)} ${missing() ?? settings}`);
}
