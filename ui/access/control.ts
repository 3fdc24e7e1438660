import type { Context, MiddlewareHandler } from 'hono';
import { type Answer, answer, isForPrograms } from '../answer.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { readOnlyBecause } from '../frame.ts';
import { isOpen } from './credentials.ts';
import { crossSite, crossSiteRead } from './cross-site.ts';
import { strangeHost } from './host.ts';
import { remoteOf } from './remote.ts';
import { challenges, type Identity, makeSignIn, offerOf } from './sign-in.ts';
import { Throttle } from './throttle.ts';

/**
 * Who may do what, for every route that is mounted behind it: the name by which we were reached, who asks, whether a page of ours made
 * them ask, and whether they may change anything. Sets `role` and `who`. `clock` gives milliseconds.
 */
export function accessControl(dashboard: Dashboard, clock: () => number = Date.now): MiddlewareHandler<Env> {
  const checks = [checkHost, makeSignInCheck(dashboard, clock), checkCrossSite, checkReadOnly];
  return async (context, next) => {
    // Until somebody has signed in: the page that refuses them is drawn for a stranger.
    context.set('role', 'viewer');
    context.set('who', 'not signed in');
    for (const check of checks) {
      const refused = check(context, dashboard);
      if (refused) return await answer(context, dashboard, refused);
    }
    return await next();
  };
}

/** The refusal; undefined when there is nothing against the request. */
type Check = (context: Context<Env>, dashboard: Dashboard) => Answer | undefined;

const checkHost: Check = ({ req }, { credentials }) => {
  if (!isOpen(credentials) || credentials.auth === 'none') return undefined;
  const detail = strangeHost(req.header('Host') ?? new URL(req.url).host);
  return detail === undefined ? undefined : { status: 421, title: 'Not under this name', detail };
};

function makeSignInCheck({ credentials, log }: Dashboard, clock: () => number): Check {
  const signIn = makeSignIn(credentials);
  const throttle = new Throttle(log);
  return (context, dashboard) => {
    if (isOpen(credentials)) return enter(context, { role: 'operator', who: 'anybody' });
    const offer = offerOf(context.req.header('Authorization'));
    if (!offer) return unauthorised(context, dashboard, '');
    const [remote, now] = [remoteOf(context), clock()];
    const seconds = throttle.waitSeconds(remote, offer.account, now);
    if (seconds > 0) return tooMany(context, seconds);
    const identity = signIn(offer);
    if (identity) {
      throttle.succeeded(remote, offer.account);
      return enter(context, identity);
    }
    throttle.failed(remote, offer.account, now);
    return unauthorised(context, dashboard, 'The user name, the password or the token is not right. ');
  };
}

function enter(context: Context<Env>, { role, who }: Identity): undefined {
  context.set('role', role);
  context.set('who', who);
}

function tooMany(context: Context<Env>, seconds: number): Answer {
  context.header('Retry-After', String(seconds));
  const detail = `Too many sign-ins failed that came from where yours does. Try again in ${seconds} s.`;
  return { status: 429, title: 'Too many failed sign-ins', detail };
}

function unauthorised(context: Context<Env>, dashboard: Dashboard, why: string): Answer {
  const { password, viewerPassword } = dashboard.credentials;
  for (const challenge of challenges(dashboard.credentials, isForPrograms(context, dashboard))) {
    context.header('WWW-Authenticate', challenge, { append: true });
  }
  const how =
    password === undefined && viewerPassword === undefined
      ? 'Only programs can sign in, with a bearer token: set JOBSPOOL_PASSWORD for people.'
      : 'People sign in with a user name and a password, programs with a bearer token.';
  return { status: 401, title: 'Sign in', detail: `${why}${how}` };
}

const checkCrossSite: Check = ({ req }) => {
  const detail = (changesNothing(req.method) ? crossSiteRead : crossSite)((name) => req.header(name));
  return detail === undefined ? undefined : { status: 403, title: 'Sent by another site', detail };
};

// The one place where everything that changes something is refused to those who may only look.
const checkReadOnly: Check = (context, dashboard) => {
  const because = changesNothing(context.req.method) ? undefined : readOnlyBecause(dashboard, context);
  if (because === undefined) return undefined;
  return { status: 403, title: 'Read-only', detail: `Nothing was changed: ${because}.` };
};

// No route of ours changes anything by these methods; a test walks all routes.
const changesNothing = (method: string): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
