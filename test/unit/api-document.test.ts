import assert from 'node:assert/strict';
import test from 'node:test';
import { requestJsonSchema } from '../../spool/request.ts';
import { apiRoutes } from '../../ui/api/routes.ts';
import { apiPage } from '../../ui/pages/api.ts';
import { type Document, makeClient, type Operation } from '../support/api.ts';
import { appOf, credentials, makeDashboard, wholeApp } from '../support/dashboard.ts';
import { assertMatches, faultsOf, type Schema } from '../support/json-schema.ts';

test('the document is OpenAPI 3.1, and every reference in it leads somewhere', async (t) => {
  const { document } = await makeClient(t, { basePath: '/deep/jobs' });
  assert.equal(document.openapi, '3.1.0');
  assert.deepEqual(document.info.version, '0.0.0-test');
  assert.deepEqual(document.servers, [{ url: '/deep/jobs' }]);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] as string);
  assert.ok(references.length > 20);
  for (const reference of references) {
    const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(reference) ?? [];
    assert.ok(document.components.schemas[name], reference);
  }
  for (const [path, item] of Object.entries(document.paths)) assert.match(path, /^\/api\//, JSON.stringify(item));
});

test('every operation has a name of its own, a group, words, its path parameters and a body where it takes one', async (t) => {
  const { document } = await makeClient(t);
  const all = operationsOf(document);
  assert.equal(new Set(all.map(({ operation }) => operation.operationId)).size, all.length);
  const groups = document.tags.map(({ name }) => name);
  for (const { path, method, operation } of all) {
    assert.ok(operation.tags.length === 1 && groups.includes(operation.tags[0] as string), path);
    assert.match(operation.summary, /^[A-Z].*[^.]$/, path);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    assert.deepEqual(
      (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name),
      inPath,
      path,
    );
    if (operation.requestBody) assert.equal(method, 'post');
    const statuses = Object.keys(operation.responses);
    assert.ok(statuses.includes('default') && statuses.some((status) => status.startsWith('2')), path);
    for (const response of Object.values(operation.responses)) assert.ok(response.description.length > 3, path);
  }
});

test('every route below /api is in the document, and every operation of the document has a route', async (t) => {
  const { dashboard } = await makeDashboard(t);
  const app = await wholeApp(dashboard);
  const { document } = await makeClient(t);
  const routes = app.routes.filter(({ method, path }) => path.startsWith('/api') && method !== 'ALL');
  const there = new Set(routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`));
  const described = new Set(operationsOf(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`));
  assert.deepEqual([...there].sort(), [...described].sort());
});

test('a schema of the document lets pass what the API takes, and nothing that a file would be rejected for', async (t) => {
  const { document } = await makeClient(t);
  const schemas = document.components.schemas;
  for (const { path, operation } of operationsOf(document)) {
    const { schema, example } = operation.requestBody?.content['application/json'] ?? {};
    if (schema) assertMatches(example, schema, schemas, `the example of ${path}`);
  }
  const file = requestJsonSchema() as { properties: Record<string, Schema> };
  const submission = schemas.Submission as { properties: Record<string, Schema>; additionalProperties: boolean };
  assert.equal(submission.additionalProperties, false);
  // What both have is the same rule.
  for (const key of ['class', 'method', 'retries', 'backoff', 'timeout']) {
    for (const value of ['', 'x', -1, 0, 3, 1_001, 'fixed', '5s', 'soon', null, {}]) {
      const passes = (schema: Schema) => faultsOf(value, schema, schemas, key).length === 0;
      assert.equal(
        passes(submission.properties[key] as Schema),
        passes(file.properties[key] as Schema),
        `${key}: ${JSON.stringify(value)}`,
      );
    }
  }
});

test('the document says how to sign in, where anybody is asked', async (t) => {
  const open = await makeClient(t);
  assert.deepEqual(open.document.security, []);
  const closed = await makeClient(t, { credentials: credentials({ token: 'secret' }) });
  assert.deepEqual(closed.document.security, [{ token: [] }, { password: [] }]);
  assert.deepEqual(Object.keys(closed.document.components.securitySchemes), ['token', 'password']);
  assert.doesNotMatch(JSON.stringify(closed.document), /secret"/);
});

test('the page shows every operation with a line of shell that leads to it, also under a base path', async (t) => {
  const { dashboard, spool } = await makeDashboard(t, {
    basePath: '/deep',
    credentials: credentials({ token: 't0k3n', password: 'right' }),
  });
  const app = await appOf(dashboard, apiPage, apiRoutes);
  const page = async (headers: Record<string, string> = {}) => {
    const response = await app.request('/deep/dashboard/api', { headers: { Authorization: 'Bearer t0k3n', ...headers } });
    assert.equal(response.status, 200);
    return textOf(await response.text());
  };
  const text = await page();
  const { document } = await makeClient(t, { spool });
  for (const { path, method, operation } of operationsOf(document)) {
    assert.ok(text.includes(`${method.toUpperCase()} ${path}`), path);
    assert.ok(text.includes(operation.summary), path);
  }
  assert.match(text, /export JOBSPOOL=http:\/\/localhost\/deep\n/);
  assert.match(text, /curl -H "Authorization: Bearer \$JOBSPOOL_TOKEN" "\$JOBSPOOL\/api\/stats"/);
  assert.match(text, /-X POST -H 'Content-Type: application\/json' -d '\{"class":"ExampleJob"/);
  assert.match(text, /curl -N .*api\/events/);
  assert.doesNotMatch(text, /t0k3n|<script>/);
  assert.match(
    await page({ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'jobs.example' }),
    /export JOBSPOOL=https:\/\/jobs\.example\/deep\n/,
  );
});

test('every example on the page is a request that the API understands', async (t) => {
  const { document, request } = await makeClient(t);
  for (const { path, method, operation } of operationsOf(document)) {
    const example = operation.requestBody?.content['application/json']?.example;
    const address = path.replace(/\{(\w+)\}/g, (_, name: string) => String(exampleOf(operation, name)));
    const query = (operation.parameters ?? []).filter((one) => one.in === 'query' && one.schema.example !== undefined);
    const parameters = new URLSearchParams(query.map(({ name, schema }): [string, string] => [name, String(schema.example)]));
    const body = example === undefined ? {} : { body: JSON.stringify(example), headers: { 'Content-Type': 'application/json' } };
    const response = await request(`${address}?${parameters}`, { method: method.toUpperCase(), ...body });
    await response.body?.cancel();
    assert.ok(response.ok || response.status === 404, `${method} ${address}?${parameters}: ${response.status}`);
  }
});

const operationsOf = ({ paths }: Document): { path: string; method: string; operation: Operation }[] =>
  Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })));

const exampleOf = ({ parameters = [] }: Operation, name: string): unknown => parameters.find((one) => one.name === name)?.schema.example;

const textOf = (html: string): string =>
  html
    .replace(/<\/?[a-z][^>]*>/g, '')
    .replace(/&(quot|#39|lt|gt|amp);/g, (_, name: string) => ({ quot: '"', '#39': "'", lt: '<', gt: '>', amp: '&' })[name] ?? '');
