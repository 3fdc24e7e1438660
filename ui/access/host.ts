/**
 * Why a request under the name `host` (as in the Host header) is refused by a service without a password, which is for this computer alone;
 * undefined when the name is loopback's. A page from anywhere may make its own name point at 127.0.0.1 (DNS rebinding) and would be our own site
 * for the browser then; only the name gives it away.
 */
export function strangeHost(host: string): string | undefined {
  if (LOOPBACK.test(host)) return undefined;
  return (
    `No password is set, so only requests to localhost are answered; this one was sent to ${JSON.stringify(host.slice(0, 200))}. ` +
    'Set JOBSPOOL_PASSWORD or JOBSPOOL_TOKEN, or JOBSPOOL_AUTH=none if a proxy in front of the service signs people in.'
  );
}

const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i;
