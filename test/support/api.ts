/** A client of the API that holds every answer against the API's own document. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Dashboard } from '../../ui/dashboard.ts';
import { appOf, makeDashboard, type TestDashboard } from './dashboard.ts';
import { assertMatches, type Schema, type Schemas } from './json-schema.ts';

export type Answer = { status: number; headers: Headers; text: string; body: Record<string, unknown> };

export type Client = Omit<TestDashboard, 'app'> & {
  /** Asks, and checks that the document foresees the answer. A `body` that is no text is sent as JSON. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  request(path: string, init?: RequestInit): Promise<Response>;
  document: Document;
};

export type Document = {
  openapi: string;
  info: { title: string; version: string };
  servers: { url: string }[];
  tags: { name: string }[];
  security: object[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Schemas; securitySchemes: object };
};

export type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  parameters?: { name: string; in: string; required: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> };
  responses: Record<
    string,
    { description: string; headers?: Record<string, { required?: boolean }>; content?: Record<string, { schema: Schema }> }
  >;
};

/** The API of a dashboard on a fresh spool, behind the access check. */
export async function makeClient(t: TestContext, overrides: Partial<Dashboard> = {}): Promise<Client> {
  const made = await makeDashboard(t, overrides);
  const { apiRoutes } = await import('../../ui/api/routes.ts');
  const app = await appOf(made.dashboard, apiRoutes);
  const request = async (path: string, init?: RequestInit) => app.request(path, init);
  const document = await documentOf(made.dashboard);
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await asked(request, method, path, body, headers);
    assertForeseen(document, method, path.slice(made.dashboard.basePath.length), answer);
    return answer;
  };
  return { ...made, ask, request, document };
}

async function documentOf(dashboard: Dashboard): Promise<Document> {
  const { apiRoutes } = await import('../../ui/api/routes.ts');
  return (await (await apiRoutes(dashboard).request('/api/openapi.json')).json()) as Document;
}

async function asked(
  request: Client['request'],
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const isText = typeof body === 'string';
  const type = body === undefined || isText ? {} : { 'Content-Type': 'application/json' };
  const init = body === undefined ? {} : { body: isText ? body : JSON.stringify(body) };
  const response = await request(path, { method, headers: { ...type, ...headers }, ...init });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('Content-Type') ?? '');
  return { status: response.status, headers: response.headers, text, body: isJson && text !== '' ? JSON.parse(text) : {} };
}

function assertForeseen(document: Document, method: string, path: string, { status, headers, body }: Answer): void {
  const operation = operationAt(document, method, path.replace(/\?.*/, ''));
  const type = (headers.get('Content-Type') ?? '').replace(/;.*/, '');
  const what = `${method} ${path} answered ${status} ${type}`;
  const schemas = document.components.schemas;
  if (!operation) return assertMatches(body, schemas.Problem as Schema, schemas, `${what}, which has no operation`);
  const response = operation.responses[status] ?? operation.responses.default;
  const schema = response?.content?.[type]?.schema;
  if (schema === undefined) assert.fail(`${what}, which the document does not foresee`);
  for (const [name, { required }] of Object.entries(response?.headers ?? {}))
    assert.ok(!required || headers.has(name), `${what} without the header ${name}, which the document promises`);
  if (/json/.test(type) && method !== 'HEAD') assertMatches(body, schema, schemas, what);
}

function operationAt({ paths }: Document, method: string, path: string): Operation | undefined {
  const isAt = (template: string) => new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path);
  const name = method === 'HEAD' ? 'get' : method.toLowerCase();
  return Object.entries(paths).find(([template, item]) => isAt(template) && item[name])?.[1][name];
}
