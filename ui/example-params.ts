/** The part of JSON Schema that an example can be made from. */
type Schema = {
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  type?: string | string[];
  format?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  prefixItems?: Schema[];
  items?: Schema | boolean;
  minItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
};

/** Parameters of the form that a JSON Schema asks for, to begin writing from; an empty array where it says nothing. It need not pass: patterns are not met. */
export function exampleParams(schema: object | undefined): unknown {
  const example = schema === undefined ? undefined : exampleOf(schema as Schema, 0);
  return typeof example === 'object' && example !== null ? example : [];
}

/** A schema may contain itself. */
const MAX_DEPTH = 6;

function exampleOf(schema: Schema, depth: number): unknown {
  const given = givenIn(schema);
  if (given !== undefined) return given;
  if (depth > MAX_DEPTH) return null;
  const choice = (schema.anyOf ?? schema.oneOf)?.[0];
  if (choice) return exampleOf(choice, depth + 1);
  const make = MAKE[typeOf(schema)];
  return make ? make(schema, depth + 1) : null;
}

const givenIn = (schema: Schema): unknown => schema.const ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0];

function typeOf({ type, properties, prefixItems }: Schema): string {
  if (type !== undefined) return (Array.isArray(type) ? type[0] : type) ?? 'null';
  if (properties) return 'object';
  return prefixItems ? 'array' : 'null';
}

const MAKE: Record<string, (schema: Schema, depth: number) => unknown> = {
  string: ({ format, minLength = 0 }) => TEXTS[format ?? ''] ?? 'text'.padEnd(Math.min(minLength, 100), '.'),
  number: ({ minimum, exclusiveMinimum }) => minimum ?? (exclusiveMinimum === undefined ? 1 : exclusiveMinimum + 1),
  integer: ({ minimum, exclusiveMinimum }) => wholeFrom(minimum ?? (exclusiveMinimum === undefined ? 1 : exclusiveMinimum + 1)),
  boolean: () => true,
  array: arrayOf,
  object: objectOf,
};

// zod gives every whole number the range of safe integers.
const wholeFrom = (least: number): number => (least <= Number.MIN_SAFE_INTEGER ? 1 : Math.ceil(least));

const TEXTS: Record<string, string> = {
  uri: 'https://example.org/',
  email: 'someone@example.org',
  date: '2026-11-22',
  'date-time': '2026-11-22T10:15:00Z',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function arrayOf({ prefixItems, items, minItems = 0 }: Schema, depth: number): unknown[] {
  if (prefixItems) return prefixItems.map((item) => exampleOf(item, depth));
  const count = Math.min(Math.max(minItems, 1), 5);
  return typeof items === 'object' ? Array.from({ length: count }, () => exampleOf(items, depth)) : [];
}

function objectOf({ properties = {}, required = Object.keys(properties) }: Schema, depth: number): object {
  const shown = required.length > 0 ? required : Object.keys(properties);
  return Object.fromEntries(shown.map((key) => [key, Object.hasOwn(properties, key) ? exampleOf(properties[key] as Schema, depth) : null]));
}
