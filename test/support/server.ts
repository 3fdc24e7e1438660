/** Servers that a test starts beside the service under test: proxies, Prometheus, sshd. Each is ended after the test. */
import { type SpawnOptions, spawn } from 'node:child_process';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';
import { waitFor } from './wait-for.ts';

type ServerOptions = Pick<SpawnOptions, 'cwd' | 'env'> & { timeoutMs?: number };

/** Resolves with what the server has printed by the time it is ready; throws with that when it ends before. */
export async function startServer(
  t: TestContext,
  [command = '', ...args]: string[],
  isReady: (printed: string) => unknown,
  { cwd, env, timeoutMs }: ServerOptions = {},
): Promise<string> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  afterwards(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const ready = () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode} before it was ready:\n${printed}`);
    return isReady(printed);
  };
  await waitFor(ready, `${command} to be ready`, timeoutMs === undefined ? {} : { timeoutMs });
  return printed;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
