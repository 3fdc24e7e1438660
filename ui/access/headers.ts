import type { MiddlewareHandler } from 'hono';
import { secureHeaders } from 'hono/secure-headers';

/**
 * What browsers are told to forbid on every answer. Nothing is kept by them or by a proxy unless the route says so itself (assets do).
 * No HSTS: whether a name is to be had by https alone is for the proxy that holds its certificate to say.
 */
export function securityHeaders(): MiddlewareHandler {
  const secure = secureHeaders(HEADERS);
  return async (context, next) => {
    await secure(context, next);
    if (!context.res.headers.has('Cache-Control')) context.res.headers.set('Cache-Control', 'no-store');
  };
}

const HEADERS: Parameters<typeof secureHeaders>[0] = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  // Under the usual no-referrer, browsers would send `Origin: null` with our own forms, which is refused (cross-site.ts).
  referrerPolicy: 'same-origin',
  xContentTypeOptions: true,
  xFrameOptions: 'DENY',
  crossOriginOpenerPolicy: true,
  crossOriginResourcePolicy: true,
  strictTransportSecurity: false,
  // Heard by no browser of today, or of no use to us.
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};
