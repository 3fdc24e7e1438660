import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The folders of a spool, version 1, as the protocol has them: not taken from this service, which is tried by them too. */
const FOLDERS = [
  'tmp',
  'incoming',
  'pending',
  'retrying',
  'running',
  'completed',
  'failed',
  'cancelled',
  'rejected',
  'cancel',
  'logs',
  'logs/jobs',
];

/** An empty spool in a folder of its own, whose name has a space in it: `use` gets its path, and then it is removed. */
export async function withSpool<Result>(use: (spool: string) => Result | Promise<Result>): Promise<Result> {
  // Real, as the names are that a trace of system calls tells.
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-conformance-')));
  const spool = path.join(home, 'the spool');
  for (const folder of FOLDERS) fs.mkdirSync(path.join(spool, folder), { recursive: true, mode: 0o770 });
  fs.writeFileSync(path.join(spool, 'version'), '1\n');
  try {
    return await use(spool);
  } finally {
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
