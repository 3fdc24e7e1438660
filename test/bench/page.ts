import { goalsOf } from './goals.ts';
import type { Report } from './report.ts';
import { asMarkdown, goalsTable, tablesOf } from './table.ts';

/** The Markdown page of a run. */
export function pageOf(report: Report): string {
  const { machine } = report;
  return `${[
    '# Jobspool and its peers, side by side',
    '',
    `Written by \`${report.command}\` on ${report.made.slice(0, 10)}; do not edit by hand. All rows of a table were measured in the same run on the same machine.`,
    '',
    `${machine.cpu} × ${machine.cores}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; spool and servers' data on ${report.disk}.`,
    '',
    '## How to read it',
    '',
    ...READING,
    '',
    '## Goals',
    '',
    asMarkdown(goalsTable(goalsOf(report))),
    '',
    '## Measurements',
    '',
    ...tablesOf(report).flatMap((table) => [asMarkdown(table), '']),
    '## Who was measured',
    '',
    '| | settings | version |',
    '|---|---|---|',
    ...report.contenders.map(({ name, settings, version }) => `| ${name} | ${settings} | ${version} |`),
    ...notes('Not measured', report.skipped),
    ...notes('Went wrong', report.errors),
  ].join('\n')}\n`;
}

const READING = [
  '- **Compare within a table, not across pages.** The machine drifts; `renames/s` is a bare rename loop just before each measurement (median): where it differs, so does the machine.',
  '- Figures are medians of the repetitions, which are interleaved (all contenders once, then all again, another one first). `±` is how far a repetition lies from the median at most.',
  '- `CPU s/1,000` is the CPU time of **all** processes of a contender for 1,000 jobs: service, runners, workers, the server, and the producer where it works meanwhile.',
  '- `peak MB` is the peak of the memory (PSS: shared pages once) of all of them, looked at twice a second. The producer, a Node process, is in it for all but the uWSGI spooler, which has its own.',
  '- **Each job ran exactly once**, or the figure is not here: every handler notes its number and the time in a file in memory, one write of 16 bytes for every contender alike, and the notes are checked.',
  "- *drain*: the backlog is there and accepted, workers are warm; from the first run to the last. Jobspool's is held by the `paused` marker, a peer's by stopping its worker processes (SIGSTOP).",
  '- *flow*: from the first call of the producer to the last run. *idle*: from the call to the first line of the handler. *delayed*: from the due time to the last run.',
  '- Durability: contenders of one table survive the same. `power` (names with `-full`): what is acknowledged survives a power cut (`durability: full`, AOF always, synchronous commit); the others a crash of any process. `bullmq-off` does not survive a crash of Redis.',
  '- On tmpfs a sync costs nothing: power-loss safe rows say something only on a disk.',
];

function notes(title: string, sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : ['', `## ${title}`, '', ...sentences.map((sentence) => `- ${sentence}`)];
}
