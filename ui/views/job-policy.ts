import { html } from 'hono/html';
import { formatDuration } from '../../spool/duration.ts';
import type { Policy } from '../../spool/policy.ts';
import type { JobStatus } from '../../spool/query.ts';
import { type Html, nothing } from './html.ts';

/** A job's policy, all fields decided, and what its method says itself. */
export type JobPolicy = { policy: Policy; method: Record<string, unknown> };

/** How the failures of a job are met, and who says so: its request, the allow-list, or the service. */
export function policyPanel(job: JobStatus, { policy, method }: JobPolicy): Html {
  const { retries, retryDelayMs, backoff, maxDelayMs, timeoutMs, retryOn, noRetryOn } = policy;
  const rows: [string, string, keyof JobStatus | undefined, string][] = [
    ['Retries', `${retries} after the first attempt`, 'retries', 'retries'],
    ['Retry delay', formatDuration(retryDelayMs), 'retryDelay', 'retryDelay'],
    ['Backoff', backoff, 'backoff', 'backoff'],
    ['Longest delay', formatDuration(maxDelayMs), undefined, 'maxDelay'],
    ['Timeout', formatDuration(timeoutMs), 'timeout', 'timeout'],
    ...(retryOn ? [['Retries only on', retryOn.join(', '), undefined, 'retryOn'] as [string, string, undefined, string]] : []),
    ...(noRetryOn ? [['Never retries on', noRetryOn.join(', '), undefined, 'noRetryOn'] as [string, string, undefined, string]] : []),
  ];
  const from = (asked: keyof JobStatus | undefined, name: string): string => {
    if (asked !== undefined && job[asked] !== undefined) return 'the request';
    return method[name] === undefined ? 'the service' : 'the allow-list';
  };
  return html`<section class="panel" aria-labelledby="policy">
<h2 id="policy">Policy</h2>
<dl class="facts">${rows.map(([head, text, asked, name]) => html`<dt>${head}</dt><dd>${text} <span class="muted small">from ${from(asked, name)}</span></dd>`)}</dl>
${job.state === 'completed' ? html`<p class="hint">As it would be now: the ledger does not keep what the request of a completed job asked for.</p>` : nothing}
</section>`;
}
