import { html } from 'hono/html';
import { quoted } from '../../spool/by-hand.ts';
import type { Frame } from '../frame.ts';
import { type Html, nothing } from './html.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';

/** What the page is made of: the parts of an OpenAPI document that it shows. */
export type Reference = {
  about: string;
  /** What any operation may answer besides. */
  otherwise: string;
  operations: Operation[];
  schemas: [name: string, schema: unknown][];
  /** Where this service was reached, with its base path. */
  address: string;
  /** Nobody is asked for a password or a token. */
  isOpen: boolean;
};

export type Operation = {
  id: string;
  group: string;
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
  const { operations, schemas, about, otherwise } = reference;
  const body = html`${noticeBar(frame)}
<h1>API</h1>
<section class="panel" aria-labelledby="begin"><h2 id="begin">To begin with</h2>
<p>${words(about)}</p>
${signIn(reference)}
<p>${words(otherwise)}</p>
<p>The <a href="${frame.url('/api/openapi.json')}">OpenAPI 3.1 document</a> says the same as this page, for programs that make clients of it.</p></section>
${contents(operations)}
${operations.map((operation) => operationPanel(operation, reference))}
<section class="panel" aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>
<p>JSON Schema, as OpenAPI 3.1 has it.</p>
${schemas.map(([name, schema]) => schemaDetails(name, schema))}</section>`;
  return layout(frame, { title: 'API', section: 'api' }, body);
}

function signIn({ address, isOpen }: Reference): Html {
  const token = isOpen ? '' : '\nexport JOBSPOOL_TOKEN=…';
  const how = isOpen
    ? html`No password or token is set, so nobody is asked for one. With <code>JOBSPOOL_TOKEN</code> set, programs send it as <code>Authorization: Bearer …</code>.`
    : html`Programs send <code>JOBSPOOL_TOKEN</code> as <code>Authorization: Bearer …</code>; <code>JOBSPOOL_VIEWER_TOKEN</code> may read and change nothing. The user name and password of the dashboard do as well (<code>curl -u</code>).`;
  return html`<p>${how} The examples below take the address from a variable:</p>
<pre class="code" tabindex="0">export JOBSPOOL=${address}${token}</pre>`;
}

function contents(operations: Operation[]): Html {
  const row = ({ id, group, method, path, summary }: Operation) =>
    html`<tr><td data-label="Group">${group}</td><td data-label="Operation" class="mono"><a href="#${id}">${method} ${path}</a></td><td data-label="What it does">${summary}</td></tr>`;
  return html`<section class="panel"><h2>All operations</h2>
<div class="scroll" tabindex="0" role="region" aria-label="All operations"><table class="list">
<caption class="visually-hidden">All operations of the API</caption>
<thead><tr><th scope="col">Group</th><th scope="col">Operation</th><th scope="col">What it does</th></tr></thead>
<tbody>${operations.map(row)}</tbody></table></div></section>`;
}

function operationPanel(operation: Operation, reference: Reference): Html {
  const { id, method, path, summary, description, body } = operation;
  return html`<section class="panel" id="${id}" aria-labelledby="${id}-name"><h2 id="${id}-name" class="mono">${method} ${path}</h2>
<p>${summary}. ${words(description)}</p>
<pre class="code" tabindex="0">${curl(operation, reference)}</pre>
${parametersOf(operation)}
${body ? html`<details><summary>Body, JSON: ${titleOf(body.schema)}</summary><pre class="code" tabindex="0">${JSON.stringify(body.schema, null, 2)}</pre></details>` : nothing}
${answersOf(operation)}</section>`;
}

function parametersOf({ parameters }: Operation): Html {
  if (parameters.length === 0) return nothing;
  const parameter = ({ name, in: where, required, description, schema }: Parameter) =>
    html`<dt><code>${name}</code> <span class="small">${where}${required ? '' : ', optional'}</span></dt><dd>${words(description)} <span class="muted small mono">${shortly(schema)}</span></dd>`;
  return html`<dl class="facts">${parameters.map(parameter)}</dl>`;
}

function answersOf({ answers }: Operation): Html {
  const answer = ({ status, description, type, schema }: Operation['answers'][number]) =>
    html`<dt class="mono">${status}</dt><dd>${words(description)} ${type === undefined ? '' : html`<span class="muted small mono">${type}</span>`} ${schema === undefined ? '' : html`<a href="#schema-${schema}">${schema}</a>`}</dd>`;
  return html`<details><summary>Answers</summary><dl class="facts">${answers.map(answer)}</dl></details>`;
}

const schemaDetails = (name: string, schema: unknown): Html =>
  html`<details id="schema-${name}"><summary>${name}</summary><pre class="code" tabindex="0">${JSON.stringify(schema, null, 2)}</pre></details>`;

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

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
