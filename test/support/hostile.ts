/** What somebody who means ill would put wherever a job or a producer has a say, and the proof that a page only shows it. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** Ends what it stands in and begins something of its own: an element, an attribute, a script, a request of htmx. */
export const HOSTILE = `"'><x-injected data-injected="1" onclick="hacked()"><img src="x" onerror="hacked()"><script>hacked()</script><svg onload="hacked()"></svg></textarea></title></style><a href="javascript:hacked()" hx-get="/dashboard" hx-trigger="load">\${hacked()}</a>`;

/** The same where no more than 200 characters may stand: in the names of classes, methods and fields. */
export const HOSTILE_NAME = `"'><x-injected data-injected="1" onclick="hacked()"><img src="x" onerror="hacked()"><script>hacked()</script></textarea></title>`;

/** Colours, a title for the window, a step back, and characters that turn the direction of text. */
export const CONTROLS =
  'plain \u001b[31mred\u001b[0m \u001b]0;a title\u0007 \u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\ ab\bc \u202egnp.exe\u202c \u2067turned\u2069';

export const LONG = `long-${'x'.repeat(100_000)}`;

/** All of it, as a job prints it: no more than a page shows of a log. */
export const HOSTILE_PRINT = `${HOSTILE}\n${CONTROLS}\nover\rwritten\n--- attempt 1, ${HOSTILE.slice(0, 100)} ---\n${LONG.slice(0, 30_000)}\nthe last line\n`;

/** Nothing of it became part of the page, nothing of it turns text around, and the page is no wider than its window. (That no script ran, and none was refused, says `openPage`.) */
export async function assertInert(page: Page): Promise<void> {
  assert.deepEqual(await mischief(page), []);
}

/** What hostile text made of a page with all its details open, in sentences. */
export async function mischief(page: Page): Promise<string[]> {
  const found = (await page.evaluate(LOOK)) as { injected: string; obeyed: string; wide: number; widest: string };
  const where = page.url().slice(0, 120);
  return [
    ...(found.injected === '' ? [] : [`${where} has an element of the hostile text: ${found.injected}`]),
    ...(found.obeyed === '' ? [] : [`${where} has characters that a terminal or a browser obeys: ${found.obeyed}`]),
    ...(found.wide <= 0 ? [] : [`${where} is ${found.wide} px wider than its window of ${page.viewportSize()?.width}: ${found.widest}`]),
  ];
}

const INJECTED =
  'x-injected, [data-injected], [onclick], [onerror], [onload], a[href^="javascript:"], svg:not(.chart, .swatch), img:not(.brand img), script:not([src]), [hx-trigger=load]';

const LOOK = String.raw`(() => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  const isTorn = (one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1 && getComputedStyle(one).overflowX === 'visible';
  const OBEYED = /[\u0007\u0008\u001b\u009b\u202a-\u202e\u2066-\u2069]/;
  const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  let obeyed = '';
  while (obeyed === '' && texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (OBEYED.test(data)) obeyed = parentElement.outerHTML.slice(0, 80) + ' ' + JSON.stringify(data.slice(Math.max(0, data.search(OBEYED) - 20)).slice(0, 60));
  }
  const wide = document.documentElement.scrollWidth - innerWidth;
  return {
    obeyed,
    injected: document.querySelector('${INJECTED}')?.outerHTML.slice(0, 200) ?? '',
    wide,
    widest: wide <= 0 ? '' : [...document.querySelectorAll('body *')].filter(isTorn).at(-1)?.outerHTML.slice(0, 200) ?? '',
  };
})()`;
