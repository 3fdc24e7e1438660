import fs from 'node:fs';
import path from 'node:path';

const SHOWN = 6;

/** The last lines of the service's log and of the side file that name a job, for whoever looks for it. */
export function lastSeen(dir: string, key: string): string {
  const logs = path.join(dir, 'spool', 'logs');
  const names = fs.existsSync(logs) ? fs.readdirSync(logs).filter((name) => name.startsWith('background_jobs.')) : [];
  const files = [...names.map((name) => path.join(logs, name)), path.join(dir, 'evidence.log')];
  const lines = files.flatMap((file) => linesWith(file, key)).slice(-SHOWN);
  return lines.map((line) => `\n    ${line}`).join('');
}

function linesWith(file: string, key: string): string[] {
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${key}"`) || line.includes(` ${key} `))
    .slice(-SHOWN);
}
