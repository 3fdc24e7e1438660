/**
 * The dashboard in a thread of its own: drawing pages and reading the spool never delays the dispatcher, and what breaks here breaks no
 * job. It asks the dispatcher's thread whether work is taken.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ConfigError } from './config-error.ts';
import type { DashboardPlan } from './dashboard.ts';
import type { FromDashboard, ToDashboard } from './dashboard-messages.ts';
import { startDashboard } from './start-dashboard.ts';

/** A dispatcher that is silent for so long takes no work. */
const ANSWER_MS = 2_000;

const questions = new Map<number, (reasons: string[]) => void>();
let asked = 0;

try {
  const dashboard = await startDashboard(workerData as DashboardPlan, {
    onLines: (lines) => say({ kind: 'lines', lines }),
    readiness: askDispatcher,
  });
  parentPort?.on('message', async (message: ToDashboard) => {
    if (message.kind === 'reasons') return questions.get(message.number)?.(message.reasons);
    await dashboard.close();
    process.exit(0);
  });
  say({ kind: 'ready', port: dashboard.port });
  await dashboard.loaded;
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  say({ kind: 'failed', message: error.message });
  // What the allow-list has loaded may keep a thread alive for ever.
  process.exit(1);
}

async function askDispatcher(): Promise<string[]> {
  asked += 1;
  const number = asked;
  say({ kind: 'ask', number });
  let silence: NodeJS.Timeout | undefined;
  const reasons = await new Promise<string[]>((resolve) => {
    questions.set(number, resolve);
    silence = setTimeout(() => resolve(['the dispatcher does not answer']), ANSWER_MS);
  });
  clearTimeout(silence);
  questions.delete(number);
  return reasons;
}

function say(message: FromDashboard): void {
  parentPort?.postMessage(message);
}
