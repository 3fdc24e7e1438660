/** W3C Trace Context: which trace of the producer's a job belongs to. Jobspool makes no spans itself; it hands on what came with the request. */
import { z } from 'zod';

const ZERO_FREE = '(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}';
// Versions to come may be longer, and ff is none.
const TRACEPARENT = `^(?:00-${ZERO_FREE}|(?!00|ff)[0-9a-f]{2}-${ZERO_FREE}(?:-.*)?)$`;
const isTraceparent = (text: string): boolean => new RegExp(TRACEPARENT).test(text);

/**
 * A header that is wrong is to be ignored, says the standard, as it may come from anybody. A file's author would never find out: here it is
 * refused in words.
 */
export const TraceContext = z.strictObject({
  traceparent: z
    .string()
    .max(512)
    .refine(isTraceparent, {
      error: 'expected a traceparent of W3C Trace Context, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    })
    .meta({ description: 'The trace and span that asked for the job, as in the header of W3C Trace Context.', pattern: TRACEPARENT })
    .optional(),
  tracestate: z
    .string()
    .max(512)
    .refine((text) => /^[\t\x20-\x7e]*$/.test(text), { error: 'expected printable ASCII, as in the header tracestate' })
    .meta({ description: 'What tracing systems add to it. Ignored without a traceparent.' })
    .optional(),
});

export type TraceContext = z.infer<typeof TraceContext>;

/** What is there of it, and only that. */
export function traceContextOf({ traceparent, tracestate }: TraceContext): { traceparent?: string; tracestate?: string } {
  if (traceparent === undefined) return {};
  return { traceparent, ...(tracestate ? { tracestate } : {}) };
}

/** That of an HTTP request: by the standard, what is wrong is as if it were not there. */
export function traceContextIn(header: (name: string) => string | undefined): { traceparent?: string; tracestate?: string } {
  const { data } = TraceContext.safeParse({ traceparent: header('traceparent'), tracestate: header('tracestate') });
  return data ? traceContextOf(data) : {};
}

/** The fields of a log line, by the names that OpenTelemetry gives them in formats of others. */
export function traceFields({ traceparent }: TraceContext): { trace_id?: string; span_id?: string; trace_flags?: string } {
  const [, traceId, spanId, flags] = traceparent?.split('-') ?? [];
  return traceId === undefined || spanId === undefined || flags === undefined
    ? {}
    : { trace_id: traceId, span_id: spanId, trace_flags: flags };
}
