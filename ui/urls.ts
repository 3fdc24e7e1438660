/** What stands in a query string; undefined and empty values are left out, an array gives the key several times. */
export type Query = Record<string, string | number | readonly string[] | undefined>;

/** Makes the address of a path of ours (`/dashboard/jobs`) under the base path. Every link goes through it. */
export type Url = (path: string, query?: Query) => string;

export function urlsUnder(basePath: string): Url {
  return (path, query = {}) => {
    const text = queryText(query);
    return `${basePath}${path}${text === '' ? '' : `?${text}`}`;
  };
}

/** The path of a job's page; an id of a rejected file may hold any characters. */
export const jobPath = (id: string, below = ''): string => `/dashboard/jobs/${encodeURIComponent(id.replace(HALF, '\ufffd'))}${below}`;

// Half a character has no place in an address.
const HALF = /\p{Cs}/gu;

/** Whether a text from outside is a path of this server, which a link may lead to. */
export const isLocalPath = (text: string): boolean => text.length <= MAX_PATH && LOCAL_PATH.test(text);

// Browsers take `//name` and `/\name` for another server, and leave out tabs and line ends before they look.
const LOCAL_PATH = /^\/(?!\/)[^\\\p{Cc}]*$/u;
const MAX_PATH = 4_000;

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== '') parameters.append(key, String(one));
  }
  return parameters.toString();
}
