import { jobContext, PermanentError } from '../handler.ts';

/** What of an answer's headers is kept. */
const KEPT = ['content-type', 'content-length', 'last-modified', 'etag', 'server'];
/** Client errors that pass by themselves: request timeout, too early, too many requests. */
const PASSING = [408, 425, 429];

/** Asks web servers. Shows which failures are worth another attempt, and which are not. */
export class FetchUrl {
  /** The status and some headers of a HEAD request to `url` (http or https), redirects followed. Any status but a success throws. */
  async head(url: string): Promise<{ status: number; headers: Record<string, string> }> {
    if (!/^https?:/i.test(url)) throw new PermanentError(`HEAD ${url}: expected an http or https address`);
    const response = await fetch(url, { method: 'HEAD', signal: jobContext().signal }).catch((error: Error) => {
      const why = error.cause instanceof Error ? error.cause.message : error.message;
      throw new Error(`HEAD ${url}: no answer: ${why}`, { cause: error });
    });
    const { status, statusText } = response;
    const problem = `HEAD ${url}: expected a success, got ${status} ${statusText}`.trimEnd();
    if (status >= 500 || PASSING.includes(status)) throw new Error(`${problem}; the server may do better later`);
    if (!response.ok) throw new PermanentError(`${problem}; asking again would not change it`);
    return { status, headers: Object.fromEntries([...response.headers].filter(([name]) => KEPT.includes(name))) };
  }
}
