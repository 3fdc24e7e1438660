import { type Context, Hono } from 'hono';
import { isOpen } from '../access/credentials.ts';
import { type ApiDocument, documentOf, OTHERWISE } from '../api/document.ts';
import { apiRoutes } from '../api/routes.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { frameOf } from '../frame.ts';
import { apiReference, type Operation, type Parameter, type Reference } from '../views/api.ts';

/** `/dashboard/api`: the API for people to read, made of its document. */
export function apiPage(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  let document: ApiDocument | undefined;
  app.get('/dashboard/api', (context) => {
    document ??= documentOf(apiRoutes(dashboard), dashboard);
    return context.html(apiReference(frameOf(context, dashboard), referenceOf(document, dashboard, addressOf(context, dashboard))));
  });
  return app;
}

/** What the page shows of a document. */
function referenceOf(
  { info, tags = [], paths = {}, components = {} }: ApiDocument,
  { credentials }: Dashboard,
  address: string,
): Reference {
  const schemas = (components.schemas ?? {}) as Record<string, unknown>;
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Described>).map(([method, described]) => operationOf(path, method, described, schemas)),
  );
  return {
    about: info.description ?? '',
    otherwise: OTHERWISE.description,
    operations: tags.flatMap(({ name }) => operations.filter(({ group }) => group === name)),
    schemas: Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)),
    address,
    isOpen: isOpen(credentials),
  };
}

/** An operation as our documents have it. */
type Described = {
  operationId: string;
  tags: [string];
  summary: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[];
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
};

type Schema = { $ref?: string; description?: string; example?: unknown };

type Schemas = Record<string, unknown>;

function operationOf(path: string, method: string, described: Described, schemas: Schemas): Operation {
  const {
    operationId: id,
    tags: [group],
    summary,
    description = '',
    parameters = [],
    requestBody,
    responses,
  } = described;
  const body = requestBody?.content['application/json'];
  return {
    id,
    group,
    method: method.toUpperCase(),
    path,
    summary,
    description,
    parameters: parameters.map((parameter) => parameterOf(parameter, schemas)),
    body: body && { schema: resolved(body.schema, schemas), example: body.example },
    // What holds for all of them is said once.
    answers: Object.entries(responses).flatMap(([status, response]) => (status === 'default' ? [] : answerOf(status, response))),
    isStream: responses[200]?.content?.['text/event-stream'] !== undefined,
  };
}

function parameterOf(
  { name, in: where, required = false, schema, description }: NonNullable<Described['parameters']>[number],
  schemas: Schemas,
): Parameter {
  const whole = resolved(schema, schemas) as Schema;
  return { name, in: where, required, description: description ?? whole.description ?? '', schema: whole, example: whole.example };
}

function answerOf(status: string, { description, content = {} }: Described['responses'][string]): Operation['answers'][number] {
  const [type, media] = Object.entries(content)[0] ?? [];
  return { status, description, type, schema: media && nameOf(media.schema) };
}

/** The schema that a reference names, with its name for a title. */
function resolved(schema: Schema, schemas: Schemas): unknown {
  const name = nameOf(schema);
  return name === undefined ? schema : { title: name, ...(schemas[name] as object) };
}

const nameOf = ({ $ref }: Schema): string | undefined => $ref?.split('/').at(-1);

// For an example in a page that only whoever asked gets to see, what a proxy says is good enough.
function addressOf({ req }: Context, { basePath }: Dashboard): string {
  const { protocol, host } = new URL(req.url);
  const first = (name: string) => req.header(name)?.split(',')[0]?.trim();
  return `${first('X-Forwarded-Proto') ?? protocol.slice(0, -1)}://${first('X-Forwarded-Host') ?? host}${basePath}`;
}
