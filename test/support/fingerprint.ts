import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Every file with its bytes, permissions and times. */
export function fingerprint(root: string): string {
  const hash = createHash('sha256');
  for (const name of fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    const stat = fs.lstatSync(path.join(root, name));
    hash.update(`${name} ${stat.mode} ${stat.uid} ${stat.gid} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}\n`);
    if (stat.isFile()) hash.update(fs.readFileSync(path.join(root, name)));
  }
  return hash.digest('hex');
}
