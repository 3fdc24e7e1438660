import type { Goal } from './goals.ts';
import type { Report } from './report.ts';
import { FIGURES, type Figure } from './scenario.ts';
import { type Summary, spread, summarize } from './statistics.ts';

/** A table as rows of cells, the first row its head. */
export type Table = { title: string; rows: string[][] };

/** A table for each scenario: medians, how far the repetitions lie apart, and the calibration beside them. */
export function tablesOf(report: Report): Table[] {
  return report.scenarios.flatMap((scenario) => {
    const measured = report.measurements.filter((one) => one.scenario === scenario.name);
    if (measured.length === 0) return [];
    const figures = (Object.keys(FIGURES) as Figure[]).filter((figure) => measured.some((one) => one.figures[figure] !== undefined));
    const head = [
      '',
      ...figures.flatMap((figure) => (figure === scenario.main ? [FIGURES[figure].head, '±'] : [FIGURES[figure].head])),
      'runs',
      'renames/s',
    ];
    const rows = [...new Set(measured.map(({ contender }) => contender))].map((contender) => {
      const own = measured.filter((one) => one.contender === contender);
      const cells = figures.flatMap((figure) =>
        cellsOf(figure, summaryOf(own.map((one) => one.figures[figure])), figure === scenario.main),
      );
      return [contender, ...cells, String(own.length), number(summarize(own.map(({ renames }) => renames)).median, 0)];
    });
    return [{ title: `${scenario.name}: ${scenario.title} (${scenario.jobs} jobs)`, rows: [head, ...rows] }];
  });
}

/** What was wanted, what came out. */
export function goalsTable(goals: readonly Goal[]): Table {
  const rows = goals.map(({ what, wanted, got, verdict }) => [what, wanted, got === undefined ? '' : number(got, 2), verdict]);
  return { title: 'goals of issue 5 (ratios of medians of this run)', rows: [['', 'goal', 'got', ''], ...rows] };
}

/** For a terminal: columns lined up, numbers to the right. */
export function asText({ title, rows }: Table): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ');
  return [title, ...rows.map(line)].map((text) => text.trimEnd()).join('\n');
}

/** For the page. */
export function asMarkdown({ title, rows: [head = [], ...rows] }: Table): string {
  const line = (row: string[]) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${head.map((_, column) => (column === 0 ? '---|' : '---:|')).join('')}`;
  return [`### ${title}`, '', line(head), rule, ...rows.map(line)].join('\n');
}

function summaryOf(values: (number | undefined)[]): Summary | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : summarize(known);
}

function cellsOf(figure: Figure, summary: Summary | undefined, isMain: boolean): string[] {
  if (!summary) return isMain ? ['', ''] : [''];
  const median = number(summary.median, FIGURES[figure].digits);
  return isMain ? [median, `${Math.round(spread(summary) * 100)}%`] : [median];
}

const number = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
