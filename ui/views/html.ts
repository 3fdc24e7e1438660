import { html } from 'hono/html';

/** What `html` gives: text in which everything from outside was escaped. Pages are made of nothing else. */
export type Html = ReturnType<typeof html>;

/** Nothing to show. */
export const nothing: Html = html``;
