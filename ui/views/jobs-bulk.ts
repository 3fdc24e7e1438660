import { html } from 'hono/html';
import { STATES } from '../../spool/state.ts';
import type { Frame } from '../frame.ts';
import { maySteer, STEER_ACTIONS, type SteerAction } from '../steering.ts';
import type { Tab } from '../tab-filter.ts';
import { figure } from './figures.ts';
import type { Html } from './html.ts';
import type { JobsView } from './jobs.ts';

/** The form that the checkboxes of a list belong to. */
export const SELECTED = 'selected';

/** What can be done to jobs of a tab together. */
export const bulkActions = (tab: Tab): SteerAction[] =>
  STEER_ACTIONS.filter((action) => (tab === 'all' ? STATES.some((state) => maySteer(state, action)) : maySteer(tab, action)));

/** Whether a list has anything to select for. */
export const maySelect = ({ readOnlyBecause }: Frame, tab: Tab): boolean => readOnlyBecause === undefined && bulkActions(tab).length > 0;

/** The bar that appears with the first checked box. It asks before it does anything. */
export function bulkBar(frame: Frame, { tab }: JobsView): Html {
  const buttons = bulkActions(tab).map((action) => button(action, WHICH[action]('selected')));
  return html`<form class="selection" id="${SELECTED}" method="post" action="${frame.url('/dashboard/jobs/bulk')}" data-confirm>
<span data-selected>With those selected:</span>${hidden({ back: frame.here, state: tab === 'all' ? '' : tab })}${buttons}${priorityField(tab)}</form>`;
}

/** Buttons for all jobs of a tab that match, on this page or not. `total`: how many, where that is known. */
export function everyBar(frame: Frame, { tab, q }: JobsView, total: number | undefined): Html {
  const which = `${total === undefined ? 'all' : `all ${figure(total)}`}${q === '' ? ` ${tab}` : ' that match'}`;
  const buttons = bulkActions(tab).map((action) => button(action, WHICH[action](which)));
  return html`<form class="pager every" id="every" method="post" action="${frame.url('/dashboard/jobs/bulk')}" data-confirm>
<span class="muted">Not only this page:</span>${hidden({ back: frame.here, scope: 'filter', state: tab === 'all' ? '' : tab, q })}${buttons}${priorityField(tab, 'every-')}</form>`;
}

const WHICH: Record<SteerAction, (which: string) => string> = {
  cancel: (which) => `Cancel ${which}`,
  retry: (which) => `Retry ${which}`,
  'run-now': (which) => `Run ${which} now`,
  delete: (which) => `Delete ${which}`,
  priority: (which) => `Set priority of ${which}`,
};

const button = (action: SteerAction, text: string): Html =>
  html`<button name="action" value="${action}" class="${action === 'delete' || action === 'cancel' ? 'danger' : ''}">${text}…</button>`;

function priorityField(tab: Tab, prefix = ''): Html {
  if (!bulkActions(tab).includes('priority')) return html``;
  return html`<label for="${prefix}priority">to <span class="visually-hidden">the priority</span></label><input id="${prefix}priority" type="number" name="priority" min="1" max="10" value="5" required>`;
}

const hidden = (fields: Record<string, string>): Html[] =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
