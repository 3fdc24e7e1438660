/** People's own jobs in the container: a mounted folder with TypeScript and packages of its own, and an image derived from ours. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { afterwards } from '../support/afterwards.ts';
import { build, builtImage, composed, IMAGE, ROOT, skipsWithoutEngine, tried } from '../support/docker.ts';
import { dropFile, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const FILES = {
  'allowlist.ts': `import { defineAllowlist } from 'jobspool';
import { z } from 'zod';
export default defineAllowlist({ Shout: { module: './shout.ts', methods: { handle: { params: z.tuple([z.string()]) } } } });
`,
  'shout.ts': `import { jobContext } from 'jobspool';
import { loud } from 'loud';
export class Shout {
  handle(text: string): { said: string; id: string } {
    return { said: loud(text), id: jobContext().id };
  }
}
`,
  'node_modules/loud/package.json': '{ "name": "loud", "type": "module", "exports": "./index.js" }',
  'node_modules/loud/index.js': 'export const loud = (text) => text.toUpperCase();\n',
};

test('a mounted folder of TypeScript handlers with a node_modules of its own runs', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const jobs = tempFolder(t, 'jobspool-own-');
  fs.chmodSync(jobs, 0o755);
  for (const [name, text] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(jobs, name)), { recursive: true });
    fs.writeFileSync(path.join(jobs, name), text);
  }
  const { spool, compose } = await composed(t, { jobs });
  await compose('up', '--detach', '--no-build', '--wait');
  dropFile(spool, 'p5-now-loud.json', { class: 'Shout', params: ['hello'] });
  dropFile(spool, 'p5-now-wrong.json', { class: 'Shout', params: [7] });
  await waitFor(() => jobStatus(spool, 'loud')?.state === 'completed', 'the job');
  assert.deepEqual(jobStatus(spool, 'loud')?.result, { said: 'HELLO', id: 'loud' });
  await waitFor(() => jobStatus(spool, 'wrong')?.state === 'rejected', 'the other to be rejected by its schema');
});

test('an image derived from ours runs its own command handlers in Python', { timeout: 300_000 }, async (t) => {
  if (skipsWithoutEngine(t)) return;
  await builtImage();
  const tag = 'jobspool-derived:test';
  await build(tag, path.join(ROOT, 'docker', 'derived'), '--build-arg', `JOBSPOOL=${IMAGE}`);
  afterwards(t, async () => void (await tried(['image', 'rm', tag])));
  const { spool, compose } = await composed(t, { files: ['docker/compose.derived.yaml'], env: { JOBSPOOL_DERIVED_IMAGE: tag } });
  await compose('up', '--detach', '--no-build', '--wait');
  dropFile(spool, 'p5-now-year.json', { class: 'Report', method: 'build', params: [2026] });
  await waitFor(() => jobStatus(spool, 'year')?.state === 'completed', 'the report');
  assert.deepEqual(jobStatus(spool, 'year')?.result, { year: 2026, attempt: 1 });
});
