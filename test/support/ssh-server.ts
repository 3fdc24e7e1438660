/** A real OpenSSH server on the loopback interface, and `ssh` and `sftp` that find it under the name of a page. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { freePort, startServer } from './server.ts';
import { tempFolder } from './spool.ts';

/** Programs of this name and its clients; `skipsWithoutSsh` says which package has them. */
const SSHD = '/usr/sbin/sshd';

export function skipsWithoutSsh(t: TestContext): boolean {
  if (fs.existsSync(SSHD) && fs.existsSync('/usr/bin/sftp')) return false;
  t.skip('SKIPPED: there is no SSH server here (apt: openssh-server, openssh-client)');
  return true;
}

/** Starts the server; `host` is the name by which it is reached. Returns a folder to put before others in PATH, and who signs in. */
export async function sshServer(t: TestContext, host: string): Promise<{ bin: string; user: string }> {
  const folder = tempFolder(t, 'jobspool-ssh-');
  const at = (name: string) => path.join(folder, name);
  const user = os.userInfo().username;
  for (const key of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  const port = await freePort();
  fs.writeFileSync(at('sshd'), SERVER({ port, at }));
  fs.writeFileSync(at('client'), CLIENT({ host, port, at }));
  fs.mkdirSync(at('bin'));
  for (const program of ['ssh', 'sftp'])
    fs.writeFileSync(at(`bin/${program}`), `#!/bin/sh\nexec /usr/bin/${program} -F ${at('client')} "$@"\n`, { mode: 0o755 });
  // Where the server is to shut in its part that has not signed in anybody yet; a package's start script makes it.
  if (process.getuid?.() === 0) fs.mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  await startServer(t, [SSHD, '-D', '-e', '-f', at('sshd')], (printed) => printed.includes('Server listening'));
  return { bin: at('bin'), user };
}

type Names = { port: number; at(name: string): string };

const SERVER = ({ port, at }: Names): string => `ListenAddress 127.0.0.1:${port}
HostKey ${at('host')}
AuthorizedKeysFile ${at('user.pub')}
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp -u 027
`;

const CLIENT = ({ host, port, at }: Names & { host: string }): string => `Host ${host}
HostName 127.0.0.1
Port ${port}
IdentityFile ${at('user')}
IdentitiesOnly yes
UserKnownHostsFile /dev/null
StrictHostKeyChecking no
LogLevel ERROR
`;
