/** Jobs put into a spool's folders as the service leaves them, and forms posted as browsers post them. */
import fs from 'node:fs';
import path from 'node:path';
import type { Attempt } from '../../spool/attempt.ts';
import { jobFileName } from '../../spool/filename.ts';
import type { Request } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';

/** `runAt` in milliseconds since the epoch. */
export type Planted = Partial<Omit<Request, 'runAt'>> & { id: string; priority?: number; runAt?: number };

/** Writes a job's file into a folder, or into the slot of a runner (`running/<slot>`); returns its path. */
export function plant(spool: Spool, folder: 'pending' | 'retrying' | 'failed' | 'cancelled' | `running/${string}`, job: Planted): string {
  const { id, priority = 5, runAt: due = Date.now() - 5_000, ...request } = job;
  const file = path.join(spool.root, folder, jobFileName({ priority, runAt: due, id }));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(
    file,
    JSON.stringify({ class: 'ExampleJob', method: 'execute', params: ['x'], acceptedAt: new Date(due).toISOString(), ...request }),
  );
  return file;
}

/** Writes a file into `rejected/` with its reason. */
export function plantRejected(spool: Spool, name: string, body: string, reason: string): void {
  fs.writeFileSync(path.join(spool.rejected, name), body);
  fs.writeFileSync(spool.reason(name), JSON.stringify({ reason, rejectedAt: new Date().toISOString() }));
}

/** An attempt that failed a minute ago. */
export const failedAttempt = (number = 1, message = 'it broke', at = Date.now() - 60_000): Attempt => ({
  number,
  outcome: 'failed',
  startedAt: new Date(at - 1_500).toISOString(),
  finishedAt: new Date(at).toISOString(),
  runner: 'host-1',
  error: { name: 'Error', message, stack: `Error: ${message}\n    at handle (file:///srv/jobs/broken.ts:1:7)` },
});

/** What answers requests: an application, or one for tests. */
type Answers = { request(path: string, init?: RequestInit): Response | Promise<Response> };

/** Posts a form as a page of ours does. A list gives a field several times. */
export async function postForm(app: Answers, url: string, fields: Record<string, string | string[]> = {}): Promise<Response> {
  const body = new URLSearchParams();
  for (const [key, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(key, one);
  return app.request(url, { method: 'POST', body, headers: { 'Sec-Fetch-Site': 'same-origin' } });
}

/** The notice that an action left for the next page. */
export function noticeIn(response: Response): { kind: string; text: string; link?: { path: string } } {
  const [, value = ''] = /jobspool_notice=([^;]*)/.exec(response.headers.get('Set-Cookie') ?? '') ?? [];
  return JSON.parse(decodeURIComponent(value || '{}'));
}
