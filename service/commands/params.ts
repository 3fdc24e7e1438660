import { usage } from './exit.ts';

export type Params = unknown[] | Record<string, unknown>;

/**
 * The params of a request from the command line. Each argument is one positional parameter: JSON when it parses as JSON, else a
 * string. One argument alone that is a JSON object is passed as that object. `whole` (`--params`) is the whole value
 * instead. Throws Refusal.
 */
export function paramsOf(args: readonly string[], whole?: string): Params {
  if (whole !== undefined) {
    if (args.length > 0) throw usage(`expected PARAMS or --params, got both (${args.length} arguments and --params)`);
    return wholeOf(whole);
  }
  const values = args.map(paramOf);
  const [only] = values;
  return values.length === 1 && isObject(only) ? only : values;
}

function wholeOf(text: string): Params {
  const value = parse(text);
  if (value && (Array.isArray(value.json) || isObject(value.json))) return value.json;
  throw usage(`--params: expected a JSON array or object such as '["Hello",2]' or '{"name":"Ada"}', got ${JSON.stringify(text)}`);
}

function paramOf(text: string): unknown {
  const value = parse(text);
  if (!value) return text;
  // 12345678901234567890 would silently become another number.
  if (typeof value.json === 'number' && Math.abs(value.json) > Number.MAX_SAFE_INTEGER) {
    throw usage(`PARAMS: ${text} is a larger number than JSON keeps exactly; to pass it as text, quote it twice: '"${text}"'`);
  }
  return value.json;
}

function parse(text: string): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) };
  } catch {
    // No JSON: the text itself is the value.
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
