import { html } from 'hono/html';
import { assetsVersion } from '../assets.ts';
import type { Frame } from '../frame.ts';
import { inert } from '../inert.ts';
import { type Html, nothing } from './html.ts';

/** The places of the menu. */
const MENU = [
  { section: 'overview', text: 'Overview', path: '/dashboard', key: 'o' },
  { section: 'jobs', text: 'Jobs', path: '/dashboard/jobs', key: 'j' },
  { section: 'failures', text: 'Failures', path: '/dashboard/failures', key: 'f' },
  { section: 'logs', text: 'Logs', path: '/job-logs', key: 'l' },
  { section: 'runners', text: 'Runners', path: '/dashboard/runners', key: 'r' },
  { section: 'settings', text: 'Settings', path: '/dashboard/settings', key: 's' },
  { section: 'enqueue', text: 'Enqueue', path: '/dashboard/enqueue', key: 'e' },
] as const;

export type Page = {
  title: string;
  section: (typeof MENU)[number]['section'] | 'api' | 'none';
  /** The stream that says when this page's live part is out of date, as the query of `/dashboard/live`; undefined: the page stays as it is. */
  live?: Record<string, string> | undefined;
  /** Updates wait until they are asked for: this is not the first page of a list. */
  holdUpdates?: boolean;
};

/** A whole page. What `body` has inside `<div id="live">` is refreshed while the page is open. */
export function layout(frame: Frame, { title, section, live, holdUpdates }: Page, body: Html): Html {
  const { url, here, asset, theme, version, who, now, seen } = frame;
  return html`<!doctype html>
<html lang="en" ${theme ? html`data-theme="${theme}"` : ''} data-base="${url('')}" data-version="${assetsVersion()}" data-now="${now}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content='{"includeIndicatorCSS":false,"history":false,"noSwap":[204,304],"morphIgnore":["data-htmx-powered","open"],"morphSkipChildren":"[data-select-all]"}'>
<title>${inert(title, 300)} · Jobspool</title>
<link rel="icon" href="${asset('icon.svg')}">
<link rel="stylesheet" href="${asset('app.css')}">
<script src="${asset('htmx.js')}" defer></script>
<script type="module" src="${asset('app.js')}"></script>
</head>
<body ${live ? html`data-live="${url('/dashboard/live', { seen, at: now, ...live })}"` : ''} ${holdUpdates ? 'data-hold' : ''}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="${url('/dashboard')}"><img src="${asset('icon.svg')}" alt="" width="20" height="20">Jobspool</a>
<nav aria-label="Main"><ul>${MENU.map(
    (place) =>
      html`<li><a href="${url(place.path)}" data-key="${place.key}" ${place.section === section ? html`aria-current="page"` : ''}>${place.text}</a></li>`,
  )}</ul></nav>
<div class="tools" id="tools">${live ? html`<noscript><a class="button" href="${url(here)}">Refresh</a></noscript>` : nothing}</div>
</header>
<main id="main" tabindex="-1">
${section === 'overview' ? nothing : troubleBar(frame)}${body}
</main>
<footer class="foot muted">Jobspool ${version} · <span>${who}</span> · <span id="zone">times in UTC</span> · <a href="${url('/dashboard/api')}">API</a></footer>
</body>
</html>`;
}

// The overview says it among what needs attention.
const troubleBar = ({ trouble }: Frame): Html =>
  trouble === undefined ? nothing : html`<p class="notice notice-refused" role="alert">${trouble.text}</p>`;
