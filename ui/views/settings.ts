import { html } from 'hono/html';
import { formatDuration } from '../../spool/duration.ts';
import type { Policy } from '../../spool/policy.ts';
import type { AllowedClass, AllowedMethod, Setting } from '../dashboard.ts';
import type { Frame } from '../frame.ts';
import { byteSize } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';

/** How the service is set up. `resolved`: what holds for a request that says nothing itself. */
export type Service = {
  settings: Setting[];
  allowlist: (Omit<AllowedClass, 'methods'> & { methods: (AllowedMethod & { resolved: Policy })[] })[];
  spool: { root: string; version: number; durability: string; freeBytes: number; minFreeBytes: number };
  versions: { jobspool: string; node: string; system: string };
};

/** `/dashboard/settings`: what may run, and how the service is configured. */
export function settingsPage(frame: Frame, service: Service): Html {
  const body = html`${noticeBar(frame)}
<h1>Settings</h1>
<div class="columns">${spoolPanel(service)}${retentionPanel(service.settings)}</div>
${allowlistPanel(frame, service.allowlist)}
${configurationPanel(service.settings)}`;
  return layout(frame, { title: 'Settings', section: 'settings' }, body);
}

function spoolPanel({ spool, versions }: Service): Html {
  const { root, version, durability, freeBytes, minFreeBytes } = spool;
  return html`<section class="panel" aria-labelledby="spool"><h2 id="spool">Spool and versions</h2>
<dl class="facts">
<dt>Spool</dt><dd class="mono">${root}</dd>
<dt>Disk free</dt><dd>${byteSize(freeBytes)} <span class="muted">(under ${byteSize(minFreeBytes)} nothing is accepted or run)</span></dd>
<dt>Durability</dt><dd>${durability}</dd>
<dt>Jobspool</dt><dd>${versions.jobspool} <span class="muted">(spool version ${version})</span></dd>
<dt>Node</dt><dd>${versions.node} <span class="muted">(${versions.system})</span></dd>
</dl></section>`;
}

const RETENTION = [
  ['JOBSPOOL_KEEP_COMPLETED', 'Completed jobs'],
  ['JOBSPOOL_KEEP_FAILED', 'Failed, cancelled and rejected jobs'],
  ['JOBSPOOL_KEEP_LOGS', 'Logs'],
] as const;

function retentionPanel(settings: Setting[]): Html {
  const kept = RETENTION.flatMap(([name, what]) => {
    const setting = settings.find((one) => one.name === name);
    return setting ? [{ what, setting }] : [];
  });
  if (kept.length === 0) return nothing;
  return html`<section class="panel" aria-labelledby="retention"><h2 id="retention">What is kept</h2>
<dl class="facts">${kept.map(({ what, setting }) => html`<dt>${what}</dt><dd>${setting.value} <span class="muted mono">${setting.name}</span></dd>`)}</dl>
<p class="muted small">What is older is removed once an hour, and by <code>jobspool prune</code>. The service's two logs are rotated daily.</p></section>`;
}

function allowlistPanel(frame: Frame, allowlist: Service['allowlist']): Html {
  if (allowlist.length === 0) {
    return html`<section class="panel"><h2>Allow-list</h2><p>Nothing is on the allow-list: every request is rejected. Name handlers in <code>jobs/allowlist.ts</code>, or in the file that <code>JOBSPOOL_JOBS</code> names.</p></section>`;
  }
  return html`<section class="panel" aria-labelledby="allowlist"><h2 id="allowlist">Allow-list</h2>
<p>Only these handlers run. A policy holds where a request says nothing itself.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of allowed handlers"><table class="list">
<caption class="visually-hidden">Allowed handlers and their policies</caption>
<thead><tr><th scope="col">Handler</th><th scope="col">Runs</th><th scope="col">Policy as written</th><th scope="col">Policy that holds</th><th scope="col">Parameters</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
<tbody>${allowlist.flatMap((one) => one.methods.map((method) => methodRow(frame, one, method)))}</tbody>
</table></div></section>`;
}

function methodRow(
  { url }: Frame,
  { class: name, runs }: Pick<AllowedClass, 'class' | 'runs'>,
  { method, policy, params, resolved }: AllowedMethod & { resolved: Policy },
): Html {
  return html`<tr><th scope="row" data-label="Handler">${name}.${method}</th><td data-label="Runs"><span class="mono">${runs}</span></td><td data-label="Policy as written">${written(policy)}</td><td data-label="Policy that holds">${held(resolved)}</td><td data-label="Parameters">${schema(params)}</td><td class="actions"><a class="button" href="${url('/dashboard/enqueue', { handler: `${name}.${method}` })}" aria-label="Enqueue ${name}.${method}">Enqueue</a></td></tr>`;
}

function written(policy: Record<string, unknown>): Html {
  const fields = Object.entries(policy).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return html`<span class="muted">nothing</span>`;
  return html`<code>${fields.map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')}</code>`;
}

/** A policy in words. */
export function held({ retries, retryDelayMs, backoff, maxDelayMs, timeoutMs, retryOn, noRetryOn }: Policy): string {
  const grows =
    backoff === 'fixed'
      ? `each after ${formatDuration(retryDelayMs)}`
      : `after ${formatDuration(retryDelayMs)} and twice as long each time, up to ${formatDuration(maxDelayMs)}`;
  const again = retries === 0 ? 'no retry' : `${retries} ${retries === 1 ? 'retry' : 'retries'}, ${grows}`;
  const only = retryOn === undefined ? '' : `; only for ${retryOn.join(', ') || 'nothing'}`;
  const never = noRetryOn === undefined || noRetryOn.length === 0 ? '' : `; never for ${noRetryOn.join(', ')}`;
  return `${again}${retries === 0 ? '' : `${only}${never}`}; stopped after ${formatDuration(timeoutMs)}`;
}

function schema(params: object | undefined): Html {
  if (params === undefined) return html`<span class="muted">any</span>`;
  return html`<details><summary>schema</summary><pre class="code" tabindex="0">${JSON.stringify(params, null, 2)}</pre></details>`;
}

const SOURCES: Record<Setting['source'], string> = {
  flag: 'command line',
  environment: 'environment',
  file: 'secret file',
  default: 'default',
};

function configurationPanel(settings: Setting[]): Html {
  return html`<section class="panel" aria-labelledby="configuration"><h2 id="configuration">Configuration</h2>
<p>Flags come before the environment, and the environment before defaults. A change needs a restart. Secrets are masked.${settings.some(({ name }) => name === 'JOBSPOOL_RUNNERS') ? nothing : ' This process only shows the spool: dispatchers have settings of their own.'}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of variables"><table class="list">
<caption class="visually-hidden">Variables, their values and where each came from</caption>
<thead><tr><th scope="col">Variable</th><th scope="col">Value</th><th scope="col">From</th><th scope="col">Means</th></tr></thead>
<tbody>${settings.map(settingRow)}</tbody>
</table></div></section>`;
}

// The sentences mark values as the README does.
const withCode = (text: string): Html => html`${text.split('`').map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part))}`;

function settingRow({ name, value, source, means }: Setting): Html {
  const from = source === 'default' ? html`<span class="muted">${SOURCES[source]}</span>` : html`${SOURCES[source]}`;
  return html`<tr id="setting-${name}"><th scope="row" data-label="Variable"><span class="mono">${name}</span></th><td data-label="Value"><span class="mono">${value === '' ? html`<span class="muted">not set</span>` : value}</span></td><td data-label="From">${from}</td><td data-label="Means"><span>${withCode(means)}</span></td></tr>`;
}
