/**
 * Why a request that would change something is refused: a browser says that a page of another site made it. Undefined when a page of ours did, or
 * no browser. Browsers send `Sec-Fetch-Site` over https and to localhost, and `Origin` with every post; whoever sends neither is a
 * program, which acts for nobody but itself. No page can set or drop these headers, nor add an X-Forwarded-Host to what it sends elsewhere.
 */
export function crossSite(header: (name: string) => string | undefined): string | undefined {
  const site = header('Sec-Fetch-Site');
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? undefined : refusal('Sec-Fetch-Site: same-origin', site);
  const origin = header('Origin');
  if (origin === undefined) return undefined;
  const [host, forwarded] = [header('Host'), header('X-Forwarded-Host')?.split(',')[0]];
  // The scheme is not compared: behind a proxy that ends TLS we are reached by http, and the browser says https.
  const from = hostOf(origin);
  if (from !== undefined && (from === hostOf(`http://${host}`) || (forwarded && from === hostOf(`http://${forwarded.trim()}`))))
    return undefined;
  return refusal(`an Origin on ${[host, forwarded?.trim()].filter(Boolean).join(' or ') || 'the host that it was sent to'}`, origin);
}

/**
 * Why a request that only reads is refused: a page of another site fetches it, or shows it as a part of itself. It would see nothing of the answer, but
 * could make us work, and measure for how long. Links lead here from anywhere.
 */
export function crossSiteRead(header: (name: string) => string | undefined): string | undefined {
  const site = header('Sec-Fetch-Site');
  const isOurs = site === undefined || site === 'same-origin' || site === 'none';
  if (isOurs || header('Sec-Fetch-Mode') === 'navigate') return undefined;
  return `Nothing is shown to a page of another site: expected Sec-Fetch-Site: same-origin, got ${JSON.stringify(site.slice(0, 200))}.`;
}

function refusal(expected: string, got: string): string {
  return (
    `Nothing was changed: the browser says that another site sent this. Expected ${expected}, got ${JSON.stringify(got.slice(0, 200))}. ` +
    'If you came from this dashboard, the proxy in between must pass on the Host header as it came (nginx: proxy_set_header Host $http_host), or set X-Forwarded-Host.'
  );
}

/** The host and port of an origin, in one spelling and without a default port; undefined for what is none. */
function hostOf(origin: string): string | undefined {
  if (!/^https?:\/\/[^/]+$/i.test(origin) || !URL.canParse(origin)) return undefined;
  return new URL(origin).host.replace(/:(80|443)$/, '');
}
