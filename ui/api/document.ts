/** The OpenAPI document of the API, made of the schemas that its requests are checked by. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { isOpen } from '../access/credentials.ts';
import type { Dashboard, Env } from '../dashboard.ts';

export type ApiDocument = ReturnType<OpenAPIHono<Env>['getOpenAPI31Document']>;

/** The groups of operations, in the order in which a reader wants them. */
export const TAGS = [
  { name: 'Jobs', description: 'Submit jobs, find them, read what they printed.' },
  { name: 'Actions', description: 'What can be done to a job. Each says the state of the job when that does not allow it (409).' },
  { name: 'Events', description: 'What happens, as it happens.' },
  { name: 'Service', description: 'The service as a whole.' },
] as const;

/** The document of all routes of `api`. */
export function documentOf(api: OpenAPIHono<Env>, { basePath, version, credentials }: Dashboard): ApiDocument {
  const document = api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Jobspool', version, description: ABOUT },
    servers: [{ url: basePath || '/' }],
    tags: [...TAGS],
    security: isOpen(credentials) ? [] : [{ token: [] }, { password: [] }],
  });
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of [path.get, path.post, path.delete])
      if (operation) operation.responses = { ...operation.responses, default: OTHERWISE };
  }
  return { ...document, components: { ...document.components, securitySchemes: SECURITY } };
}

const ABOUT =
  'Times are ISO 8601 in UTC, ages and durations milliseconds, sizes bytes. Refusals are problems (RFC 9457) whose `detail` is a sentence. Unknown fields and parameters are refused. Parameters and results are shown without what looks like a secret.';

/** What any operation may answer. */
export const OTHERWISE = {
  description:
    'Any operation may refuse: 401 without a right password or token, 403 where nothing may be changed (a viewer, a read-only service, another site), 421 under a strange host name, 429 after too many wrong sign-ins, 500 and 503 when the service or its disk is in trouble.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

const SECURITY = {
  token: { type: 'http' as const, scheme: 'bearer', description: 'JOBSPOOL_TOKEN; or JOBSPOOL_VIEWER_TOKEN, which may only read.' },
  password: {
    type: 'http' as const,
    scheme: 'basic',
    description: 'JOBSPOOL_USER and JOBSPOOL_PASSWORD; or those of the viewer, who may only read.',
  },
};
