import { html } from 'hono/html';
import type { AllowedMethod } from '../dashboard.ts';
import type { Mistake } from '../enqueueing.ts';
import { exampleParams } from '../example-params.ts';
import type { Frame } from '../frame.ts';
import { type Html, nothing } from './html.ts';
import { jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';

/** What stands in the form, as it was typed. */
export type EnqueueForm = typeof EMPTY_FORM;

/** `offset`: of `runAt` from UTC, as ISO 8601 writes it. `from`: the job that it was filled in from. */
export const EMPTY_FORM = {
  handler: '',
  params: '',
  priority: '5',
  runAt: '',
  offset: 'Z',
  delay: '',
  id: '',
  retries: '',
  retryDelay: '',
  backoff: '',
  timeout: '',
  from: '',
};

/** A method that may run, by its `Class.method`. */
export type Handler = AllowedMethod & { name: string };

/** The form, what may be chosen, and what is wrong. `original`: the id of the job that is being duplicated. */
export type Enqueueing = { form: EnqueueForm; handlers: Handler[]; mistakes: Mistake[]; original: string | undefined };

/** `/dashboard/enqueue`. */
export function enqueuePage(frame: Frame, page: Enqueueing): Html {
  const { original, handlers } = page;
  const title = original === undefined ? 'Enqueue a job' : 'Duplicate a job';
  const body = html`${noticeBar(frame)}
<h1>${title}</h1>
${original === undefined ? nothing : html`<p>With the values of ${jobLink(frame, original)}, to be changed or not. It becomes a job of its own; that one stays as it is.</p>`}
${handlers.length === 0 ? html`<p class="notice notice-warn">No handler is on the allow-list: nothing may run. <a href="${frame.url('/dashboard/settings')}">Settings</a> say where the list is.</p>` : nothing}
${general(page)}
<div class="columns"><div>${form(frame, page)}</div><div>${handlerHelp(page)}${handlerList(frame, handlers)}</div></div>`;
  return layout(frame, { title, section: 'enqueue' }, body);
}

const FIELDS = ['handler', 'params', 'priority', 'runAt', 'delay', 'id', 'retries', 'retryDelay', 'backoff', 'timeout'] as const;
type Field = (typeof FIELDS)[number];

// What is wrong with no field of the form, or with several.
function general({ mistakes }: Enqueueing): Html {
  if (mistakes.length === 0) return nothing;
  const others = mistakes.filter(({ field }) => !(FIELDS as readonly string[]).includes(field));
  const text = others.length > 0 ? others.map((mistake) => mistake.text).join('; ') : 'Not enqueued: see what is marked below.';
  return html`<p class="notice notice-refused" role="alert">${text}</p>`;
}

function form({ url, readOnlyBecause }: Frame, page: Enqueueing): Html {
  const { form: typed } = page;
  return html`<form class="panel" method="post" action="${url('/dashboard/enqueue')}">
${typed.from === '' ? nothing : html`<input type="hidden" name="from" value="${typed.from}">`}
${field(page, 'handler', 'Handler', handlerSelect(url('/dashboard/enqueue'), page))}
${field(
  page,
  'params',
  'Parameters, as JSON',
  html`<textarea ${attributes(page, 'params')} rows="8" spellcheck="false" placeholder="[]">${typed.params}</textarea>`,
  typed.from === ''
    ? 'An array holds positional arguments, an object is one argument; left empty, it is [].'
    : 'What is masked (••••••) stays as the original has it, unless it is changed.',
)}
<fieldset><legend>When</legend><div class="bar">
${field(page, 'runAt', 'Run at', html`<span class="nowrap"><input type="datetime-local" step="1" ${attributes(page, 'runAt')} value="${typed.runAt}"> ${offsetSelect(typed.offset)}</span>`, 'Left empty, it runs at once.')}
${field(page, 'delay', 'Or after', html`<input type="text" ${attributes(page, 'delay')} value="${typed.delay}" placeholder="10m" size="8">`, '30s, 10m, 2h, 7d, or seconds.')}
${field(page, 'priority', 'Priority', html`<input type="number" min="1" max="10" ${attributes(page, 'priority')} value="${typed.priority}">`, '1 to 10, higher runs first.')}
</div></fieldset>
<fieldset><legend>Policy, where it is to differ from the method's</legend><div class="bar">
${field(page, 'retries', 'Retries', html`<input type="number" min="0" max="1000" ${attributes(page, 'retries')} value="${typed.retries}">`, 'Attempts after the first.')}
${field(page, 'retryDelay', 'Retry delay', html`<input type="text" ${attributes(page, 'retryDelay')} value="${typed.retryDelay}" placeholder="5s" size="8">`, 'Before the first retry.')}
${field(page, 'backoff', 'Backoff', html`<select ${attributes(page, 'backoff')}>${['', 'fixed', 'exponential'].map((value) => option(value, value === '' ? "the method's" : value, value === typed.backoff))}</select>`, 'How the delay grows.')}
${field(page, 'timeout', 'Timeout', html`<input type="text" ${attributes(page, 'timeout')} value="${typed.timeout}" placeholder="10m" size="8">`, 'For one attempt.')}
</div></fieldset>
${field(page, 'id', 'Id', html`<input type="text" maxlength="100" autocomplete="off" spellcheck="false" ${attributes(page, 'id')} value="${typed.id}">`, 'Left empty, one is made. One of your own is refused while a job that waits or runs has it.')}
<button class="primary" ${readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : nothing}>Enqueue</button>
</form>`;
}

function field({ mistakes }: Enqueueing, name: Field, label: string, input: Html, hint = ''): Html {
  const wrong = mistakes.filter((mistake) => mistake.field === name);
  return html`<div class="field"><label for="${name}">${label}</label>${input}
${hint === '' ? nothing : html`<p class="hint" id="${name}-hint">${hint}</p>`}
${wrong.length === 0 ? nothing : html`<p class="wrong" id="${name}-wrong">${wrong.map(({ text }) => text).join('; ')}</p>`}</div>`;
}

const attributes = ({ mistakes }: Enqueueing, name: Field): Html =>
  html`id="${name}" name="${name}" ${mistakes.some(({ field: one }) => one === name) ? html`aria-invalid="true" aria-describedby="${name}-wrong"` : nothing}`;

// With a script, what the chosen one takes is shown at once; without, the list beside the form says it of all.
function handlerSelect(path: string, page: Enqueueing): Html {
  const { form: typed, handlers } = page;
  const names = handlers.map(({ name }) => name);
  const unknown =
    typed.handler === '' || names.includes(typed.handler)
      ? nothing
      : option(typed.handler, `${typed.handler} (not on the allow-list)`, true);
  return html`<select ${attributes(page, 'handler')} required hx-get="${path}" hx-trigger="change" hx-target="#handler-help" hx-select="#handler-help" hx-swap="outerHTML"><option value="">choose…</option>${unknown}${names.map((name) => option(name, name, name === typed.handler))}</select>`;
}

const option = (value: string, text: string, isSelected: boolean): Html =>
  html`<option value="${value}" ${isSelected ? 'selected' : ''}>${text}</option>`;

/** Hours that clocks are off UTC by, and the half and quarter hours that are in use. */
const OFFSETS = [
  ...Array.from({ length: 27 }, (_, index) => (index - 12) * 60),
  -570,
  -210,
  210,
  270,
  330,
  345,
  390,
  525,
  570,
  630,
  765,
].sort((a, b) => a - b);

function offsetSelect(chosen: string): Html {
  const options = OFFSETS.map((minutes) => (minutes === 0 ? 'Z' : offsetText(minutes)));
  return html`<select name="offset" id="offset" aria-label="Which clock: hours ahead of UTC">${options.map((value) => option(value, value === 'Z' ? 'UTC' : `UTC${value}`, value === chosen))}</select>`;
}

function offsetText(minutes: number): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
}

/** What the chosen handler takes. */
function handlerHelp({ form: typed, handlers }: Enqueueing): Html {
  const chosen = handlers.find(({ name }) => name === typed.handler);
  if (!chosen) return html`<section id="handler-help"></section>`;
  return html`<section id="handler-help" class="panel"><h2>${chosen.name}</h2>${takes(chosen)}</section>`;
}

function takes({ params, policy }: Handler): Html {
  const said = Object.entries(policy);
  return html`${params === undefined ? html`<p>It takes any parameters.</p>` : html`<h3>For example</h3><pre class="code" tabindex="0">${JSON.stringify(exampleParams(params), null, 2)}</pre><h3>JSON Schema of its parameters</h3><pre class="code" tabindex="0">${schemaText(params)}</pre>`}
${said.length === 0 ? html`<p class="muted">Its policy is the service's.</p>` : html`<h3>Its policy</h3><dl class="facts">${said.map(([key, value]) => html`<dt>${key}</dt><dd>${Array.isArray(value) ? value.join(', ') : String(value)}</dd>`)}</dl>`}`;
}

function schemaText(schema: object): string {
  const { $schema: _dialect, ...rest } = schema as Record<string, unknown>;
  return JSON.stringify(rest, null, 2);
}

function handlerList({ url }: Frame, handlers: Handler[]): Html {
  if (handlers.length === 0) return nothing;
  return html`<section class="panel" aria-labelledby="allowed"><h2 id="allowed">What may run here</h2>
${handlers.map((handler) => html`<details><summary>${handler.name}</summary>${takes(handler)}<p><a class="button" href="${url('/dashboard/enqueue', { handler: handler.name })}">Fill the form in for it</a></p></details>`)}</section>`;
}
