import { html } from 'hono/html';
import type { Frame } from '../frame.ts';
import { type Html, nothing } from './html.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';

/** What the page is made of: the parts of an OpenAPI document that it shows. */
export type Reference = {
  about: string;
  /** What any operation may answer besides. */
  otherwise: string;
  groups: { name: string; description: string; operations: Operation[] }[];
  schemas: [name: string, schema: unknown][];
  /** Where this service was reached, with its base path. */
  address: string;
  /** Nobody is asked for a password or a token. */
  isOpen: boolean;
};

export type Operation = {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  body: { schema: unknown; example: unknown } | undefined;
  /** A schema that has a name is given by it. */
  answers: { status: string; description: string; type: string | undefined; schema: string | undefined }[];
  /** It answers for as long as the client listens. */
  isStream: boolean;
};

export type Parameter = { name: string; in: string; required: boolean; description: string; schema: unknown; example: unknown };

/** `/dashboard/api`: how to use the API. */
export function apiReference(frame: Frame, reference: Reference): Html {
  const { groups, schemas, about, otherwise } = reference;
  const body = html`${noticeBar(frame)}
<h1>API</h1>
<section class="panel" aria-labelledby="begin"><h2 id="begin">To begin with</h2>
<p>${words(about)}</p>
<p>${words(otherwise)}</p>
${signIn(reference)}
<p>The <a href="${frame.url('/api/openapi.json')}">OpenAPI 3.1 document</a> says the same as this page, for programs that make clients of it.</p></section>
${contents(groups)}
${groups.map((group) => groupPanel(group, reference))}
<section class="panel" aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>
<p>JSON Schema (2020-12).</p>
${schemas.map(([name, schema]) => schemaDetails(name, schema))}</section>`;
  return layout(frame, { title: 'API', section: 'api' }, body);
}

function signIn({ address, isOpen }: Reference): Html {
  const token = isOpen ? '' : '\nexport JOBSPOOL_TOKEN=…';
  const how = isOpen
    ? html`No password or token is set, so nobody is asked for one. With <code>JOBSPOOL_TOKEN</code> set, programs send it as <code>Authorization: Bearer …</code>.`
    : html`Programs send <code>JOBSPOOL_TOKEN</code> as <code>Authorization: Bearer …</code>; <code>JOBSPOOL_VIEWER_TOKEN</code> may read and change nothing. The user name and password of the dashboard do as well (<code>curl -u</code>).`;
  return html`<p>${how} The examples below take the address from a variable:</p>
<pre class="code">export JOBSPOOL=${address}${token}</pre>`;
}

function contents(groups: Reference['groups']): Html {
  const row = ({ id, method, path, summary }: Operation) =>
    html`<tr><td data-label="Method" class="mono">${method}</td><td data-label="Path" class="mono"><a href="#${id}">${path}</a></td><td data-label="What it does">${summary}</td></tr>`;
  return html`<section class="panel" aria-labelledby="contents"><h2 id="contents">All operations</h2>
<div class="scroll" tabindex="0" role="region" aria-label="All operations"><table class="list">
<caption class="visually-hidden">All operations of the API</caption>
<thead><tr><th scope="col">Method</th><th scope="col">Path</th><th scope="col">What it does</th></tr></thead>
<tbody>${groups.flatMap(({ operations }) => operations.map(row))}</tbody></table></div></section>`;
}

function groupPanel({ name, description, operations }: Reference['groups'][number], reference: Reference): Html {
  return html`<section class="panel" aria-labelledby="group-${name}"><h2 id="group-${name}">${name}</h2>
<p>${words(description)}</p>
${operations.map((operation) => operationPart(operation, reference))}</section>`;
}

function operationPart(operation: Operation, reference: Reference): Html {
  const { id, method, path, summary, description, body } = operation;
  return html`<article id="${id}" aria-labelledby="${id}-name">
<h3 id="${id}-name"><span class="mono">${method} ${path}</span></h3>
<p>${summary}. ${words(description)}</p>
<pre class="code">${curl(operation, reference)}</pre>
${parametersOf(operation)}
${body ? html`<details><summary>Body, JSON: ${titleOf(body.schema)}</summary><pre class="code">${JSON.stringify(body.schema, null, 2)}</pre></details>` : nothing}
${answersOf(operation)}
</article>`;
}

function parametersOf({ id, parameters }: Operation): Html {
  if (parameters.length === 0) return nothing;
  const row = ({ name, in: where, required, description, schema }: Parameter) =>
    html`<tr><td data-label="Name" class="mono">${name}</td><td data-label="In">${where}${required ? '' : ', optional'}</td><td data-label="Is">${words(description)} <span class="muted small mono">${shortly(schema)}</span></td></tr>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Parameters of ${id}"><table class="list">
<caption class="visually-hidden">Parameters of ${id}</caption>
<thead><tr><th scope="col">Parameter</th><th scope="col">In</th><th scope="col">Is</th></tr></thead>
<tbody>${parameters.map(row)}</tbody></table></div>`;
}

function answersOf({ answers }: Operation): Html {
  const answer = ({ status, description, type, schema }: Operation['answers'][number]) =>
    html`<dt class="mono">${status}</dt><dd>${words(description)} ${type === undefined ? '' : html`<span class="muted small mono">${type}</span>`} ${schema === undefined ? '' : html`<a href="#schema-${schema}">${schema}</a>`}</dd>`;
  return html`<details><summary>Answers</summary><dl class="facts">${answers.map(answer)}</dl></details>`;
}

const schemaDetails = (name: string, schema: unknown): Html =>
  html`<details id="schema-${name}"><summary>${name}</summary><pre class="code">${JSON.stringify(schema, null, 2)}</pre></details>`;

/** Text in which what stands between backticks is code. */
const words = (text: string): Html[] =>
  text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));

const titleOf = (schema: unknown): string => (isRecord(schema) && typeof schema.title === 'string' ? schema.title : 'its schema');

/** What a parameter may be, in a line. */
function shortly(schema: unknown): string {
  if (!isRecord(schema)) return '';
  const { type, enum: values, minimum, maximum, default: otherwise } = schema;
  const kind = Array.isArray(values) ? values.join(' | ') : String(type ?? '');
  const range = minimum === undefined && maximum === undefined ? '' : ` ${minimum ?? ''} to ${maximum ?? ''}`;
  return `${kind}${range}${otherwise === undefined || otherwise === '' ? '' : `, default ${otherwise}`}`;
}

/** The operation as a line of shell. */
export function curl({ method, path, parameters, body, isStream }: Operation, { isOpen }: Reference): string {
  const examples = (where: string) => parameters.filter((one) => one.in === where && one.example !== undefined);
  const named = examples('path').reduce((text, { name, example }) => text.replace(`{${name}}`, encodeURIComponent(String(example))), path);
  const query = examples('query').map(({ name, example }) => `${name}=${encodeURIComponent(String(example))}`);
  const words = [
    'curl',
    ...(isStream ? ['-N'] : []),
    ...(isOpen ? [] : ['-H "Authorization: Bearer $JOBSPOOL_TOKEN"']),
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(body?.example === undefined ? [] : ["-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body.example))}`]),
    `"$JOBSPOOL${named}${query.length > 0 ? `?${query.join('&')}` : ''}"`,
  ];
  return words.join(' ');
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
