import { createServer } from 'node:net';
import { type Answer, fail, ok, warn } from '../../spool/doctor/finding.ts';
import { errnoOf } from '../../spool/errors.ts';
import type { Config } from '../config.ts';
import { urlOf } from '../greeting.ts';

/** Whether the dashboard could listen here, or a Jobspool does already. */
export async function port(config: Config): Promise<Answer> {
  const { host, port: number } = config;
  const trouble = await whyNot(host.replace(/^\[(.*)\]$/, '$1'), number);
  if (trouble === undefined) return ok(number === 0 ? 'any free port will be taken' : `the port ${number} on ${host} is free`);
  const words = `the port ${number} on ${host}`;
  if (trouble === 'EADDRINUSE') {
    if (await isOurs(config)) return ok(`${words} is that of a Jobspool that runs`);
    return fail(`${words} is taken by another program: choose another with JOBSPOOL_PORT, or stop that program (ss -ltnp says which)`);
  }
  if (trouble === 'EACCES')
    return fail(`${words} may not be taken by this user: ports below 1024 are for root; choose another with JOBSPOOL_PORT`);
  if (trouble === 'EADDRNOTAVAIL' || trouble === 'ENOTFOUND')
    return fail(`the address ${host} is not one of this machine: correct JOBSPOOL_HOST`);
  return warn(`${words} cannot be taken: ${trouble}`);
}

function whyNot(host: string, number: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(errnoOf(error) ?? error.message));
    server.listen(number, host, () => server.close(() => resolve(undefined)));
  });
}

const ANSWER_MS = 5_000;

/** Only a Jobspool answers so, with and without a password. */
async function isOurs(config: Config): Promise<boolean> {
  try {
    const response = await fetch(`${urlOf(config, config.port)}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return /"status"|^ok/.test(await response.text()) && response.ok;
  } catch {
    return false;
  }
}
