/** A loop of bare file operations. Usage: node bare-loop.ts rename|sync|sync-folder|through FOLDER COUNT BYTES. Prints operations a second. */
import fs from 'node:fs';
import fsp from 'node:fs/promises';
import path from 'node:path';
import { now } from './clock.ts';

const [kind, root, countText, bytesText] = process.argv.slice(2) as [string, string, string, string];
const count = Number(countText);
const text = 'x'.repeat(Number(bytesText));
const [tmp, there] = [path.join(root, 'floor-tmp'), path.join(root, 'floor-there')];
fs.mkdirSync(tmp, { recursive: true });
fs.mkdirSync(there, { recursive: true });

let began = now();
if (kind === 'rename') for (let index = 0; index < count; index++) writeAndRename(index);
else if (kind === 'through') through();
else await eightAtOnce(kind === 'sync-folder');
console.log(String(count / ((now() - began) / 1_000)));

function writeAndRename(index: number): void {
  fs.writeFileSync(`${tmp}/${index}`, text);
  fs.renameSync(`${tmp}/${index}`, `${there}/${index}`);
}

// What a queue of files does to run a job that waits in `root`: claim it by a rename, read it, remove it.
function through(): void {
  const names = fs
    .readdirSync(root)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .slice(0, count);
  began = now();
  for (const name of names) {
    fs.renameSync(`${root}/${name}`, `${there}/${name}`);
    fs.readFileSync(`${there}/${name}`);
    fs.unlinkSync(`${there}/${name}`);
  }
}

async function eightAtOnce(withFolder: boolean): Promise<void> {
  let next = 0;
  const folder = await fsp.open(there);
  const loop = async () => {
    for (let index = next++; index < count; index = next++) {
      const file = await fsp.open(`${tmp}/${index}`, 'w');
      await file.writeFile(text);
      await file.sync();
      await file.close();
      await fsp.rename(`${tmp}/${index}`, `${there}/${index}`);
      if (withFolder) await folder.sync();
    }
  };
  await Promise.all(Array.from({ length: 8 }, loop));
  await folder.close();
}
