import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import { type Asset, assetPath } from './assets.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { versionsOf } from './live-marks.ts';
import { type Notice, takeNotice } from './notice.ts';
import { type Trouble, troubleOf } from './trouble.ts';
import { type Url, urlsUnder } from './urls.ts';

/** What every page is drawn with. */
export type Frame = {
  url: Url;
  asset(name: Asset): string;
  /** This request's path and query, without the base path: where an action leads back to. */
  here: string;
  who: string;
  /** Why this person may change nothing; undefined when they may. Buttons are disabled and say so. */
  readOnlyBecause: string | undefined;
  theme: 'light' | 'dark' | undefined;
  /** Milliseconds since the epoch. */
  now: number;
  notice: Notice | undefined;
  trouble: Trouble | undefined;
  version: string;
  /** What the catalog knew before the page was drawn (`versionsOf`): its stream is told, so that nothing is missed between. */
  seen: string;
};

export function frameOf(context: Context<Env>, dashboard: Dashboard): Frame {
  const { basePath, version } = dashboard;
  const url = urlsUnder(basePath);
  const { pathname, search } = new URL(context.req.url);
  const theme = getCookie(context, 'jobspool_theme');
  return {
    url,
    asset: (name) => url(assetPath(name)),
    here: `${pathname.slice(basePath.length)}${search}`,
    who: context.get('who'),
    readOnlyBecause: readOnlyBecause(dashboard, context),
    theme: theme === 'light' || theme === 'dark' ? theme : undefined,
    now: Date.now(),
    notice: takeNotice(context, basePath),
    trouble: troubleOf(dashboard),
    version,
    seen: versionsOf(dashboard),
  };
}

/** Why the person behind this request may change nothing; undefined when they may. */
export function readOnlyBecause({ readOnly }: Dashboard, context: Context<Env>): string | undefined {
  if (readOnly) return 'this service is read-only (JOBSPOOL_READ_ONLY)';
  return context.get('role') === 'viewer' ? 'you are signed in as a viewer, who may look and change nothing' : undefined;
}
