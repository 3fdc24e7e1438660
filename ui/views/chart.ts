import { html } from 'hono/html';
import type { Bucket } from '../../spool/catalog.ts';
import { counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';

export type Chart = {
  /** Of the element; unique on its page. */
  id: string;
  title: string;
  /** What one bar stands for. */
  unit: 'minute' | 'hour';
  /** Oldest first; the last one holds this moment. */
  buckets: readonly Bucket[];
};

/** A panel with bars of what completed and what failed in each stretch of time, and the figures for those who do not see them. */
export function throughputChart(chart: Chart): Html {
  const { id, title, unit, buckets } = chart;
  const isEmpty = buckets.every((bucket) => endedIn(bucket) === 0);
  return html`<section class="panel" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${
    isEmpty ? html`<p class="empty">No job ended in the last ${counted(buckets.length, unit)}.</p>` : drawing(chart)
  }</section>`;
}

function drawing(chart: Chart): Html {
  const { unit, buckets } = chart;
  return html`${svg(chart)}
<p class="small muted">${counted(buckets.length, unit)} up to now · ${legend('completed')} · ${legend('failed')} · full height is ${counted(mostIn(buckets), 'job')}</p>
<details><summary class="small">Figures</summary>${figures(chart)}</details>`;
}

const WIDTH = 600;
const HEIGHT = 120;
/** Of its bar's room. */
const BAR_WIDTH = 0.8;
/** However few, a failure is seen beside thousands that completed. */
const LEAST_HEIGHT = 2;

function svg({ id, title, unit, buckets }: Chart): Html {
  const base = HEIGHT + 0.5;
  return html`<svg class="chart" role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${HEIGHT + 1}" width="${WIDTH}" height="${HEIGHT + 1}">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${description(unit, buckets)}</desc>
<line class="axis" x1="0" y1="0.5" x2="${WIDTH}" y2="0.5"/><line class="axis" x1="0" y1="${base}" x2="${WIDTH}" y2="${base}"/>
${barsOf(buckets).map((bar) => drawn(bar, unit, buckets.length))}</svg>`;
}

/** What a bar looks like, from above: the failed stand on the completed. */
export type Bar = { at: number; bucket: Bucket; x: number; width: number; failed: Stretch; completed: Stretch };
type Stretch = { y: number; height: number };

/** The bars of a chart, without those of which nothing would be seen. The largest takes the whole height. */
export function barsOf(buckets: readonly Bucket[]): Bar[] {
  const room = WIDTH / buckets.length;
  const scale = HEIGHT / Math.max(1, mostIn(buckets));
  const all = buckets.map((bucket, at) => {
    const failed = bucket.failed === 0 ? 0 : Math.max(LEAST_HEIGHT, bucket.failed * scale);
    const completed = bucket.completed === 0 ? 0 : Math.min(HEIGHT - failed, Math.max(LEAST_HEIGHT, bucket.completed * scale));
    const top = HEIGHT - failed - completed;
    return {
      at,
      bucket,
      x: at * room + (room * (1 - BAR_WIDTH)) / 2,
      width: room * BAR_WIDTH,
      failed: { y: top, height: failed },
      completed: { y: top + failed, height: completed },
    };
  });
  return all.filter(({ bucket }) => endedIn(bucket) > 0);
}

function drawn({ at, bucket, x, width, failed, completed }: Bar, unit: Chart['unit'], count: number): Html {
  const rect = (className: string, { y, height }: Stretch) =>
    height > 0
      ? html`<rect class="${className}" x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"/>`
      : nothing;
  return html`<g><title>${ago(count - 1 - at, unit)}: ${saidOf(bucket)}</title>${rect('bar-failed', failed)}${rect('bar-completed', completed)}</g>`;
}

function description(unit: Chart['unit'], buckets: readonly Bucket[]): string {
  const completed = buckets.reduce((sum, bucket) => sum + bucket.completed, 0);
  const failed = buckets.reduce((sum, bucket) => sum + bucket.failed, 0);
  const busiest = buckets.findIndex((bucket) => endedIn(bucket) === mostIn(buckets));
  const when = ago(buckets.length - 1 - busiest, unit);
  return `In the last ${counted(buckets.length, unit)}: ${saidOf({ completed, failed })}. Most in one ${unit}: ${figure(mostIn(buckets))}, ${when}.`;
}

function figures({ unit, buckets }: Chart): Html {
  const rows = buckets.map((bucket, at) => ({ bucket, when: ago(buckets.length - 1 - at, unit) })).reverse();
  const busy = rows.filter(({ bucket }) => endedIn(bucket) > 0);
  return html`<dl class="facts small">${busy.map(({ bucket, when }) => html`<dt>${when}</dt><dd>${saidOf(bucket)}</dd>`)}</dl>
${busy.length < rows.length ? html`<p class="small muted">No job ended in any other ${unit}.</p>` : nothing}`;
}

const endedIn = ({ completed, failed }: Omit<Bucket, 'from'>): number => completed + failed;

const mostIn = (buckets: readonly Bucket[]): number => Math.max(...buckets.map(endedIn));

const saidOf = ({ completed, failed }: Omit<Bucket, 'from'>): string => `${figure(completed)} completed, ${figure(failed)} failed`;

const ago = (back: number, unit: Chart['unit']): string => (back === 0 ? `this ${unit}` : `${counted(back, unit)} ago`);

const legend = (state: 'completed' | 'failed'): Html =>
  html`<svg class="swatch" width="10" height="10" aria-hidden="true"><rect class="bar-${state}" width="10" height="10"/></svg> ${state}`;

// A tenth of a pixel is enough, and 60 bars are many digits.
const short = (value: number): string => String(Math.round(value * 10) / 10);
