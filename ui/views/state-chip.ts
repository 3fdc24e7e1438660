import { html } from 'hono/html';
import type { Outcome } from '../../spool/attempt.ts';
import type { State } from '../../spool/state.ts';
import type { Html } from './html.ts';

const SIGN: Record<State | Outcome | 'cancelling', string> = {
  scheduled: '◷',
  pending: '○',
  running: '▶',
  retrying: '↻',
  completed: '✓',
  failed: '✕',
  cancelled: '⊘',
  rejected: '⚠',
  'timed-out': '⏱',
  crashed: '✕',
  lost: '?',
  cancelling: '⊘',
};

/** A state, or how an attempt ended: sign, word and colour. */
export const stateChip = (state: State | Outcome | 'cancelling'): Html =>
  html`<span class="chip chip-${state}"><span aria-hidden="true">${SIGN[state]}</span> ${state}</span>`;
