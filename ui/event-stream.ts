import type { Context } from 'hono';
import { type SSEMessage, streamSSE } from 'hono/streaming';

/** An open stream of server-sent events. */
export type EventStream = {
  /** Aborted when its reader has gone. */
  gone: AbortSignal;
  /** Sends an event, or text that is in the form of events already. Waits for a slow reader, but not for ever for one that is gone without a word. */
  send(what: SSEMessage | string): Promise<void>;
};

/** A stream says something at least so often, in milliseconds: proxies and readers take a silent one for dead. */
export const HEARTBEAT_MS = 15_000;
const WRITE_MS = 30_000;

/** Answers with a stream of events, which ends when `tell` does. `onError` gets what `tell` throws: there is nobody left to answer by then. */
export function eventStream(context: Context, tell: (stream: EventStream) => Promise<void>, onError: (error: unknown) => void): Response {
  // nginx would hold the events back otherwise.
  context.header('X-Accel-Buffering', 'no');
  // Nobody reads the body of an answer to HEAD, so nothing would end it.
  if (context.req.method === 'HEAD') return context.body(null, 200, { 'Content-Type': 'text/event-stream' });
  return streamSSE(context, async (stream) => {
    const aborted = new AbortController();
    stream.onAbort(() => aborted.abort());
    const send: EventStream['send'] = async (what) => {
      const deadline = setTimeout(() => stream.abort(), WRITE_MS);
      const sent = typeof what === 'string' ? stream.write(what) : stream.writeSSE(what);
      await sent.finally(() => clearTimeout(deadline));
    };
    try {
      // Not every server and proxy reports a reader that has gone in both ways.
      await tell({ gone: AbortSignal.any([aborted.signal, context.req.raw.signal]), send });
    } catch (error) {
      onError(error);
    }
  });
}
