/** Holds values against JSON Schema, as far as our documents use it. What it does not know it refuses, so that it never passes unread. */
import assert from 'node:assert/strict';

export type Schema = Record<string, unknown>;
export type Schemas = Record<string, Schema>;

/** Fails unless `value` is as the schema says, and has no field that it does not name. */
export function assertMatches(value: unknown, schema: Schema, schemas: Schemas, what: string): void {
  const faults = faultsOf(value, schema, schemas, '');
  assert.deepEqual(faults, [], `${what}: ${faults.join('; ')}\n${JSON.stringify(value, null, 2)?.slice(0, 2_000)}`);
}

/** What is wrong with the value, each in words. */
export function faultsOf(value: unknown, schema: Schema, schemas: Schemas, at: string): string[] {
  return Object.entries(schema).flatMap(([keyword, said]) => {
    const check = Object.hasOwn(CHECKS, keyword) ? CHECKS[keyword] : undefined;
    if (!check) throw new Error(`the schema at "${at}" has the keyword "${keyword}", which this test does not know`);
    return check(value, said as never, { schema, schemas, at });
  });
}

type Where = { schema: Schema; schemas: Schemas; at: string };

type Check = (value: unknown, said: never, where: Where) => string[];

const passes: Check = () => [];

const unless = (isRight: boolean, what: string, { at }: Where): string[] => (isRight ? [] : [`${at || 'the whole'}: ${what}`]);

const CHECKS: Record<string, Check> = {
  description: passes,
  default: passes,
  example: passes,
  $ref: (value, ref: string, { schemas, at }) => faultsOf(value, schemas[ref.split('/').at(-1) as string] as Schema, schemas, at),
  anyOf: (value, options: Schema[], where) => {
    const faults = options.map((option) => faultsOf(value, option, where.schemas, where.at));
    return unless(
      faults.some((one) => one.length === 0),
      `none of ${options.length} schemas: ${faults.map((one) => one[0]).join(' | ')}`,
      where,
    );
  },
  type: (value, type: string | string[], where) =>
    unless(
      [type].flat().some((one) => isOf(value, one)),
      `expected ${type}, got ${JSON.stringify(value)?.slice(0, 60)}`,
      where,
    ),
  enum: (value, values: unknown[], where) =>
    unless(value === null || values.includes(value), `expected ${values.join(', ')}, got ${value}`, where),
  format: (value, format: string, where) => {
    assert.equal(format, 'date-time');
    return unless(value === null || new Date(String(value)).toISOString() === value, `expected ISO 8601 in UTC, got ${value}`, where);
  },
  pattern: (value, pattern: string, where) =>
    unless(typeof value !== 'string' || new RegExp(pattern, 'u').test(value), `does not match ${pattern}`, where),
  minimum: (value, least: number, where) => unless(typeof value !== 'number' || value >= least, `is below ${least}`, where),
  maximum: (value, most: number, where) => unless(typeof value !== 'number' || value <= most, `is above ${most}`, where),
  exclusiveMinimum: (value, least: number, where) => unless(typeof value !== 'number' || value > least, `is not above ${least}`, where),
  minLength: (value, least: number, where) => unless(typeof value !== 'string' || value.length >= least, `is shorter than ${least}`, where),
  maxLength: (value, most: number, where) => unless(typeof value !== 'string' || value.length <= most, `is longer than ${most}`, where),
  minItems: (value, least: number, where) => unless(!Array.isArray(value) || value.length >= least, `has fewer than ${least}`, where),
  maxItems: (value, most: number, where) => unless(!Array.isArray(value) || value.length <= most, `has more than ${most}`, where),
  items: (value, items: Schema, { schemas, at }) =>
    Array.isArray(value) ? value.flatMap((one, index) => faultsOf(one, items, schemas, `${at}[${index}]`)) : [],
  required: (value, keys: string[], where) =>
    isRecord(value) ? keys.flatMap((key) => unless(Object.hasOwn(value, key), `lacks ${key}`, where)) : [],
  properties: (value, properties: Record<string, Schema>, where) => {
    if (!isRecord(value)) return [];
    return Object.entries(value).flatMap(([key, one]) => {
      const schema = properties[key];
      if (schema) return faultsOf(one, schema, where.schemas, `${where.at}.${key}`);
      return unless(isRecord(where.schema.additionalProperties), `has "${key}", which the schema does not name`, where);
    });
  },
  additionalProperties: (value, schema: Schema | boolean, { schemas, schema: { properties = {} }, at }) => {
    if (!isRecord(value) || typeof schema === 'boolean') return [];
    return Object.entries(value).flatMap(([key, one]) =>
      Object.hasOwn(properties as object, key) ? [] : faultsOf(one, schema, schemas, `${at}.${key}`),
    );
  },
};

function isOf(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isRecord(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
