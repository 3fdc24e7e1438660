// @ts-check
// What a page does beside links and forms: local times, live updates, shortcuts, dialogs. Without it all pages work, and stay as they are.

/** @typedef {{ swap(swap: object): Promise<void>, process(element: Element): void }} Htmx */

const root = document.documentElement;
const { body } = document;
const htmx = /** @type {Htmx} */ (Reflect.get(window, 'htmx'));
// Ages are counted by the server's clock: the one here may be wrong.
const skewMs = Number(root.dataset.now ?? Date.now()) - Date.now();

/** @type {(selector: string, within?: ParentNode) => HTMLElement | null} */
const find = (selector, within = document) => within.querySelector(selector);
/** @type {(selector: string, within?: ParentNode) => HTMLElement[]} */
const all = (selector, within = document) => [...within.querySelectorAll(selector)].map((one) => /** @type {HTMLElement} */ (one));
/** @type {(tag: string, properties: object, ...children: (string | Node)[]) => HTMLElement} */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** What the browser remembers; where it may not, as long as the page is open. @type {Record<string, string> | Storage} */
let kept = {};
/** The same of this tab. @type {Record<string, string> | Storage} */
let keptHere = {};
try {
  kept = localStorage;
  keptHere = sessionStorage;
} catch {}
/** @type {(key: string) => boolean} */
const isSet = (key) => kept[`jobspool-${key}`] === 'yes';
/** @type {(key: string, on: boolean) => void} */
const set = (key, on) => {
  kept[`jobspool-${key}`] = on ? 'yes' : 'no';
};

// Times

const clock = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });

/** @type {(ms: number) => string} */
function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d ${Math.floor((s % 86400) / 3600)}h`;
}

/** @type {(ms: number) => string} */
const roughly = (ms) => (ms < 60_000 ? duration(ms) : (duration(ms).split(' ')[0] ?? ''));

/** @type {Record<string, (at: number, now: number) => string>} */
const STYLES = {
  clock: (at) => clock.format(at),
  ago: (at, now) => (at > now ? `in ${roughly(at - now)}` : `${roughly(now - at)} ago`),
  since: (at, now) => duration(now - at),
};

/** @type {(within: ParentNode, onlySeen?: boolean) => void} */
function showTimes(within, onlySeen = false) {
  for (const time of all(onlySeen ? 'time:not([data-style=clock])' : 'time', within)) {
    const { dateTime, dataset } = /** @type {HTMLTimeElement} */ (time);
    const text = STYLES[dataset.style ?? '']?.(Date.parse(dateTime), Date.now() + skewMs);
    if (!text || text === time.textContent) continue;
    const { top, bottom } = onlySeen ? time.getBoundingClientRect() : { top: 0, bottom: 0 };
    if (bottom >= 0 && top <= innerHeight) time.textContent = text;
  }
}

// Live updates

const bar = make('div', { className: 'live-bar', hidden: true });
const barWhy = make('span', {});
const barCount = make('span', { className: 'muted' });
const load = /** @type {HTMLButtonElement} */ (make('button', { type: 'button' }, 'Load'));
barWhy.setAttribute('role', 'status');
bar.append(barWhy, barCount, load);
const pause = make('button', { type: 'button', onclick: () => togglePause() });

/** @type {EventSource | undefined} */
let stream;
/** How many times we were told and did not refresh. */
let changes = 0;
let failures = 0;
/** How many actions were answered in this page. */
let answers = 0;
let isRefreshing = false;
let heardAt = 0;
let refreshedAt = 0;
let nextAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let reconnecting;
/** Where the log ends that is shown, in bytes. @type {number | undefined} */
let logEnd;

function connect() {
  disconnect();
  if (!body.dataset.live || document.hidden) return;
  const url = new URL(body.dataset.live, location.href);
  const from = logEnd ?? find('#log')?.dataset.from;
  if (from !== undefined) url.searchParams.set('from', String(from));
  heardAt = Date.now();
  stream = new EventSource(url);
  stream.onerror = streamFailed;
  /** @type {(name: string, act: (event: MessageEvent) => void) => void} */
  const on = (name, act) =>
    stream?.addEventListener(name, (event) => {
      heardAt = Date.now();
      act(event);
    });
  on('hello', (event) => greeted(JSON.parse(event.data)));
  on('changed', () => changed());
  // Only old: nothing is known to have changed, so nothing waits.
  on('aged', () => heldBecause() || changed());
  on('done', () => changed());
  on('log', (event) => appendLog(JSON.parse(event.data)));
  on('beat', () => {});
}

function disconnect() {
  clearTimeout(reconnecting);
  stream?.close();
  stream = undefined;
}

/** @type {(hello: { version: string }) => void} */
function greeted({ version }) {
  if (failures > 0) changed();
  failures = 0;
  showState();
  if (version === root.dataset.version) return;
  // Once: behind a balancer two versions may answer in turn.
  if (keptHere['jobspool-version'] === version || heldBecause()) return showBar('A new version runs here', '', () => location.reload());
  keptHere['jobspool-version'] = version;
  location.reload();
}

function streamFailed() {
  failures += 1;
  showState();
  // The browser opens a broken stream again by itself, one that was answered with an error never.
  if (stream?.readyState !== EventSource.CLOSED) return;
  disconnect();
  reconnecting = setTimeout(connect, Math.min(10_000, 1000 * 2 ** failures));
}

function changed() {
  changes += 1;
  setTimeout(update, Math.max(0, nextAt - Date.now()));
}

/** Refreshes, or says why not. */
function update() {
  if (changes === 0 || isRefreshing || document.hidden || Date.now() < nextAt || find('.htmx-request')) return;
  const why = heldBecause();
  if (why) showBar(`Updates wait: ${why}`, changes === 1 ? '1 change' : `${changes} changes`, () => refresh(true));
  else refresh();
}

/** @type {() => string} What a refresh would disturb; empty: nothing. */
function heldBecause() {
  const live = find('#live');
  const { activeElement } = document;
  const selection = getSelection();
  if (find('dialog[open]')) return 'a dialog is open';
  if (isSet('paused')) return 'they are paused';
  if (all('.list td input[type=checkbox]').some((box) => /** @type {HTMLInputElement} */ (box).checked)) return 'rows are selected';
  if (live?.contains(activeElement) && activeElement?.matches('input:not([type=checkbox]), textarea, select')) return 'a field is in use';
  if (selection && !selection.isCollapsed && live?.contains(selection.anchorNode)) return 'text is selected';
  return 'hold' in body.dataset ? 'this is not the first page' : '';
}

/** @type {(isAsked?: boolean) => Promise<void>} Draws what is in `#live` again, as the server has it now. */
async function refresh(isAsked = false) {
  if (isRefreshing) return;
  isRefreshing = true;
  const began = Date.now();
  const [before, answersBefore] = [changes, answers];
  let leastMs = 1000;
  try {
    const response = await fetch(location.href, {
      headers: { Accept: 'text/html', 'Jobspool-Live': 'refresh' },
      signal: AbortSignal.timeout(20_000),
    });
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const fresh = find('#live', page);
    if (!response.ok || !fresh) return showBar(`This page answers with ${response.status} now`, '', () => location.reload());
    // While we waited somebody may have begun to select, or done something: then this is how things were before.
    if ((!isAsked && heldBecause()) || find('.htmx-request') || answers !== answersBefore) return;
    changes -= before;
    bar.hidden = true;
    body.dataset.live = page.body.dataset.live ?? '';
    await htmx.swap({ sourceElement: body, target: '#live', swap: 'outerMorph', text: fresh.outerHTML, request: {} });
    document.title = page.title;
  } catch {
    failures += 1;
    leastMs = 5000;
    showState();
  } finally {
    isRefreshing = false;
    refreshedAt = Date.now();
    nextAt = refreshedAt + Math.min(10_000, Math.max(leastMs, 4 * (refreshedAt - began)));
  }
}

function tick() {
  if (document.hidden) return;
  if (getSelection()?.isCollapsed !== false) showTimes(document, true);
  update();
  if (!body.dataset.live) return;
  if (stream && Date.now() - heardAt > 40_000) connect();
  if (failures > 1 && Date.now() - refreshedAt > 10_000 && !heldBecause()) refresh();
}

/** @type {(why: string, count?: string, act?: () => void) => void} */
function showBar(why, count = '', act) {
  // Said again only when it is another reason.
  if (barWhy.textContent !== why) barWhy.textContent = why;
  barCount.textContent = count;
  load.hidden = !act;
  load.onclick = () => act?.();
  bar.hidden = false;
}

function showState() {
  const isPaused = isSet('paused');
  pause.hidden = !body.dataset.live;
  pause.classList.toggle('is-lost', failures > 1);
  pause.setAttribute('aria-pressed', String(!isPaused));
  pause.title = `${isPaused ? 'Resume' : 'Pause'} live updates (p)`;
  pause.replaceChildren(make('span', { className: 'dot' }), isPaused ? 'Paused' : 'Live');
  if (failures > 1 && !heldBecause()) showBar('Live updates interrupted: this page asks every 10 s');
  else if (failures === 0 && load.hidden) bar.hidden = true;
}

function togglePause() {
  set('paused', !isSet('paused'));
  showState();
  if (!isSet('paused')) update();
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return disconnect();
  failures = Math.max(failures, 1);
  connect();
});

// The log of a job, followed

const MAX_LINES = 5000;

/** @type {(log: Element) => boolean} */
const isAtEnd = ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 40;

/** @type {(chunk: { text: string, to: number, isCut: boolean }) => void} */
function appendLog({ text, to, isCut }) {
  logEnd = to;
  const log = find('#log');
  if (!log) return;
  const isFollowed = find('#follow[aria-pressed=true]') && isAtEnd(log);
  log.append(isCut && log.firstChild ? '\n… the log was cut here …\n' : '', text);
  // Whole portions go: a few lines more may stay.
  const lines = [...log.childNodes].map((node) => (node.textContent ?? '').split('\n').length - 1);
  let count = lines.reduce((sum, one) => sum + one, 0);
  for (const one of lines) {
    count -= one;
    if (count < MAX_LINES) break;
    log.firstChild?.remove();
  }
  if (isFollowed) log.scrollTop = log.scrollHeight;
}

/** @type {(on: boolean) => void} */
const follow = (on) => find('#follow')?.setAttribute('aria-pressed', String(on));

/** Shows the end of a log that may grow. */
function startFollowing() {
  const button = find('#follow');
  const log = find('#log');
  if (!button || !log) return;
  button.hidden = false;
  button.onclick = () => {
    const on = button.ariaPressed !== 'true';
    follow(on);
    if (on) log.scrollTop = log.scrollHeight;
  };
  // Only at first: an action does not move what is being read.
  if (!log.onscroll) log.scrollTop = log.scrollHeight;
  log.onscroll = () => follow(isAtEnd(log));
}

// Rows, and the keys that reach everything

/** @type {HTMLInputElement | undefined} */
let lastBox;
let rowIndex = -1;

/** @type {() => HTMLInputElement[]} */
const boxes = () => all('.list td input[type=checkbox]').map((box) => /** @type {HTMLInputElement} */ (box));
const rows = () => all('main .list tbody tr');
const currentRow = () => /** @type {HTMLElement | null} */ (document.activeElement?.closest('.list tbody tr') ?? null);

function addSelectAll() {
  for (const place of all('[data-select-all]:empty')) {
    const box = make('input', { type: 'checkbox', ariaLabel: 'Select all on this page' });
    box.onchange = () => selectAll(/** @type {HTMLInputElement} */ (box).checked);
    place.append(box);
  }
  countSelected();
}

/** @type {(on: boolean) => void} */
function selectAll(on) {
  for (const box of boxes()) box.checked = on;
  countSelected();
}

function countSelected() {
  const count = boxes().filter(({ checked }) => checked).length;
  for (const place of all('[data-selected]')) place.textContent = `${count} selected`;
  for (const box of all('[data-select-all] input')) /** @type {HTMLInputElement} */ (box).checked = count > 0 && count === boxes().length;
}

/** @type {(event: MouseEvent) => void} */
function boxClicked({ target, shiftKey }) {
  const box = /** @type {HTMLInputElement} */ (target);
  const list = boxes();
  if (!list.includes(box)) return;
  if (shiftKey && lastBox && list.includes(lastBox)) {
    const [from = 0, to = 0] = [list.indexOf(lastBox), list.indexOf(box)].sort((a, b) => a - b);
    for (const one of list.slice(from, to + 1)) one.checked = box.checked;
  }
  lastBox = box;
  countSelected();
}

/** @type {(step: number) => void} */
function moveRow(step) {
  const row = currentRow();
  const list = rows();
  if (row) rowIndex = list.indexOf(row);
  rowIndex = Math.max(0, Math.min(list.length - 1, rowIndex + step));
  const next = list[rowIndex];
  (next && find('a, button, input', next))?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

/** @type {(selector: string) => void} */
const press = (selector) => find(selector)?.click();
/** @type {(selector: string) => void} */
function pressInRow(selector) {
  const row = currentRow();
  if (row) find(selector, row)?.click();
}

/** @type {Record<string, () => void>} */
const KEYS = {
  '?': () => help(),
  '/': () => find('input[type=search]')?.focus(),
  j: () => moveRow(1),
  k: () => moveRow(-1),
  x: () => pressInRow('input[type=checkbox]'),
  '*': () => selectAll(!boxes().every(({ checked }) => checked)),
  Escape: () => selectAll(false),
  p: () => body.dataset.live && togglePause(),
  t: () => nextTheme(),
  f: () => press('#follow'),
  '.': () => press('.pager [data-key="."], .pager [rel=next]'),
  ',': () => press('.pager [data-key=","], .pager [rel=prev]'),
};

const HELP = [
  ['g then o j f l r s e', 'go to a page of the menu'],
  ['/', 'search'],
  ['j k', 'next and previous row; Enter opens it'],
  ['x, Shift and click', 'select a row, a range of rows'],
  ['*, Esc', 'select all rows, none'],
  ['. ,', 'next and previous page'],
  ['C R U D', 'cancel, retry, run now, delete: the row you are on, or this job'],
  ['p f t', 'pause live updates, follow a log, change the theme'],
];

/** @type {(key: string) => string} Without a row that is meant, no row's button is pressed. */
const keyed = (key) => `[data-key=${key}]:not(:disabled)${currentRow() ? '' : ':not(.list *)'}`;

let isAfterG = false;

document.addEventListener('keydown', (event) => {
  const { key, target } = event;
  const isTyping = target instanceof Element && target.matches('input:not([type=checkbox]), textarea, select');
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping || isSet('no-keys') || find('dialog[open]')) return;
  const act = isAfterG ? () => press(`nav [data-key="${CSS.escape(key)}"]`) : KEYS[key];
  isAfterG = key === 'g' && !isAfterG;
  if (act) {
    event.preventDefault();
    act();
  } else if (/^[A-Z]$/.test(key)) find(keyed(key), currentRow() ?? find('main') ?? document)?.click();
  else if (key === 'Enter' && target instanceof HTMLInputElement) {
    // A form would be sent by it otherwise.
    event.preventDefault();
    pressInRow('a');
  }
});

// Dialogs

const dialog = /** @type {HTMLDialogElement} */ (make('dialog', {}));

function help() {
  const keys = make('dl', { className: 'keys' });
  for (const [key = '', what = ''] of HELP) keys.append(make('dt', {}, make('kbd', {}, key)), make('dd', {}, what));
  const off = make('input', { type: 'checkbox', checked: !isSet('no-keys'), onchange: () => set('no-keys', !isSet('no-keys')) });
  const close = make('button', { type: 'button', onclick: () => dialog.close() }, 'Close');
  openDialog(make('h2', {}, 'Keyboard'), keys, make('p', {}, make('label', {}, off, ' Single keys do these things')), close);
}

/** @type {(...content: Node[]) => void} The focus goes back to where it was when it closes. */
function openDialog(...content) {
  dialog.replaceChildren(...content);
  const heading = find('h1, h2', dialog);
  if (heading) heading.id = 'dialog-title';
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  htmx.process(dialog);
  showTimes(dialog);
  if (!dialog.open) dialog.showModal();
}

/** @type {(url: string, init: RequestInit, instead: () => void) => Promise<void>} Asks in a dialog what the answer asks on a page. */
async function ask(url, init, instead) {
  const response = await fetch(url, init).catch(() => undefined);
  if (!response) return instead();
  const text = await response.text();
  const question = find('#confirm', new DOMParser().parseFromString(text, 'text/html'));
  if (question) return openDialog(document.adoptNode(question));
  await htmx.swap({ sourceElement: body, target: '#main', select: '#main', swap: 'outerMorph', text, request: {} });
  arrived(response, text);
}

/** The address of what is shown, without its fragment. */
let shown = location.pathname + location.search;

/** @type {(response: Response, text: string) => void} An action's answer is in `#main`: what stands around it follows. */
function arrived({ redirected, url }, text) {
  const page = new DOMParser().parseFromString(text, 'text/html');
  dialog.close();
  // Where it was posted to is no page.
  if (redirected && url !== location.href.split('#')[0]) {
    history.pushState(null, '', url);
    shown = location.pathname + location.search;
    find('.top nav')?.replaceChildren(...(find('.top nav', page)?.childNodes ?? []));
  }
  document.title = page.title;
  selectAll(false);
  answers += 1;
  changes = 0;
  bar.hidden = true;
  logEnd = undefined;
  if (page.body.dataset.live) body.dataset.live = page.body.dataset.live;
  else delete body.dataset.live;
  body.toggleAttribute('data-hold', 'hold' in page.body.dataset);
  startFollowing();
  connect();
  if (document.activeElement === body) find('#main')?.focus({ preventScroll: true });
}

// Back and forward lead to other pages. A jump within this one (`#main`) is neither.
addEventListener('popstate', () => {
  if (location.pathname + location.search !== shown) location.reload();
});

document.addEventListener('click', (event) => {
  boxClicked(event);
  const { target } = event;
  if (!(target instanceof Element) || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = target.closest('a');
  const copied = target.closest('[data-copy]');
  if (copied) copy(/** @type {HTMLElement} */ (copied));
  else if (link && dialog.contains(link) && link.matches('[data-close]')) {
    event.preventDefault();
    dialog.close();
  } else if (link?.matches('.confirm')) {
    event.preventDefault();
    ask(link.href, {}, () => location.assign(link.href));
  }
});

document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.matches('[data-confirm]')) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const text = [...fields].map(([name, value]) => [name, String(value)]);
  // Not `form.action`: a button of that name would be found instead.
  ask(form.getAttribute('action') ?? '', { method: 'POST', body: new URLSearchParams(text) }, () => showBar('The service does not answer'));
});

/** @type {(button: HTMLElement) => Promise<void>} */
async function copy(button) {
  const text = button.dataset.copy || find('pre', button.parentElement ?? document)?.textContent || '';
  const before = button.textContent;
  // Only secure pages may write to the clipboard; on a LAN over plain http it is refused.
  button.textContent = await (navigator.clipboard?.writeText(text) ?? Promise.reject()).then(
    () => 'Copied',
    () => 'Not allowed here',
  );
  setTimeout(() => {
    button.textContent = before;
  }, 1500);
}

// The theme

const THEMES = ['auto', 'light', 'dark'];
const theme = make('button', { type: 'button', onclick: () => nextTheme() });

function showTheme() {
  theme.textContent = root.dataset.theme ?? 'auto';
  theme.ariaLabel = `Theme: ${theme.textContent}`;
  theme.title = 'Change the theme (t)';
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? 'auto') + 1) % THEMES.length] ?? 'auto';
  const age = next === 'auto' ? 0 : 31_536_000;
  if (next === 'auto') delete root.dataset.theme;
  else root.dataset.theme = next;
  // biome-ignore lint/suspicious/noDocumentCookie: the cookie store is for secure pages only.
  document.cookie = `jobspool_theme=${next}; path=${root.dataset.base || '/'}; max-age=${age}; SameSite=Lax`;
  showTheme();
}

// The beginning

document.addEventListener('htmx:before:swap', (event) => {
  const { ctx, tasks } = /** @type {CustomEvent} */ (event).detail;
  // Drawn as it is here already: what did not change is left alone.
  for (const { fragment } of tasks) showTimes(fragment);
  const question = ctx.response && tasks[0] && find('#confirm', tasks[0].fragment);
  if (!question) return;
  event.preventDefault();
  openDialog(question);
});
document.addEventListener('htmx:after:swap', (event) => {
  const { ctx } = /** @type {CustomEvent} */ (event).detail;
  const { raw } = ctx.response ?? {};
  addSelectAll();
  if (raw) arrived(raw, ctx.text);
});

find('#tools')?.append(
  pause,
  theme,
  make('button', { type: 'button', ariaLabel: 'Keyboard', title: 'Keyboard (?)', onclick: () => help() }, '?'),
);
body.append(bar, dialog);
// Where a menu is wider than the screen, the place we are at is in sight.
for (const place of all('nav [aria-current]')) place.closest('nav')?.scrollTo(place.offsetLeft - 40, 0);
root.classList.add('js');
showTimes(document);
showTheme();
showState();
addSelectAll();
startFollowing();
connect();
find('#zone')?.replaceChildren(`times in ${clock.resolvedOptions().timeZone}, UTC in their titles`);
setInterval(tick, 1000);

export {};
