import type { Command } from 'commander';
import { errnoOf, messageOf } from '../../spool/errors.ts';
import { Liveness } from '../../spool/liveness.ts';
import { urlOf } from '../greeting.ts';
import { print } from '../output.ts';
import { reasonsOfMachine } from '../readiness.ts';
import { EXIT, Refusal } from './exit.ts';
import { addFlags, configOf, existingSpool } from './settings.ts';

/** `health`: whether the service that this configuration starts is well, for the health check of a container. */
export function addHealth(program: Command): void {
  const health = program
    .command('health')
    .description('ask the service on this machine whether it is ready for work')
    .option('--live', 'ask only whether it answers at all')
    .option('--dispatcher', 'for jobspool dispatch, which has no server: look into the spool for a dispatcher of this machine')
    .addHelpText(
      'after',
      `
Exits with 0 when it is, and with 1 when it is not, or nobody answers. Takes the host, port and base path of serve. Needs no password.

Examples:
  $ jobspool health --port 9090
  HEALTHCHECK CMD ["jobspool", "health"]`,
    )
    .action(async (options: { live?: true; dispatcher?: true }, command: Command) => {
      const reasons = options.dispatcher ? ofSpool(command) : await ofServer(command, options.live ? 'healthz' : 'readyz');
      if (reasons.length > 0) throw new Refusal(EXIT.failed, `not ready: ${reasons.join('; ')}`);
      print('ready');
    });
  addFlags(health, 'dashboard');
}

function ofSpool(command: Command): string[] {
  const { staleMs, minFreeBytes } = configOf(command);
  const spool = existingSpool(command);
  return reasonsOfMachine(spool, { liveness: new Liveness(spool, staleMs), staleMs, minFreeBytes }, Date.now());
}

/** Less than the engine waits for its health check. */
const ANSWER_MS = 4_000;

async function ofServer(command: Command, page: 'healthz' | 'readyz'): Promise<string[]> {
  // Who only asks needs no password.
  const config = configOf(command, 'dashboard', { JOBSPOOL_AUTH: 'none' });
  const url = `${urlOf(config, config.port)}/${page}`;
  const { status, reasons } = await ask(url);
  if (status === 'ready' || status === 'ok') return [];
  if (status === 'not ready') return reasons ?? [];
  throw new Refusal(EXIT.failed, `ask ${url}: expected the answer of a Jobspool, got something else`);
}

async function ask(url: string): Promise<{ status?: unknown; reasons?: string[] }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    return parsed(await response.text());
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const what = errnoOf(cause) ?? messageOf(cause);
    throw new Refusal(
      EXIT.failed,
      `ask ${url}: expected an answer, got ${what}: does jobspool serve or ui run with this host, port and base path?`,
    );
  }
}

function parsed(text: string): { status?: unknown; reasons?: string[] } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
