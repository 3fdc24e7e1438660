/** Producers on the host, with a uid of their own, write into the spool of a container: the group of the spool's folder lets them, by its setgid bit. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { composed, skipsWithoutEngine } from '../support/docker.ts';
import { waitFor } from '../support/wait-for.ts';

const GROUP = 30_000;

test("a producer of the spool's group enqueues jobs and batches from the host, whatever its umask leaves to others", async (t) => {
  if (skipsWithoutEngine(t)) return;
  if (process.getuid?.() !== 0 || spawnSync('setpriv', ['--version']).error)
    return t.skip('SKIPPED: only root with setpriv can be another user: a producer with its own uid was NOT tested');
  const { spool, compose } = await composed(t, { env: { JOBSPOOL_GID: String(GROUP) }, group: GROUP });
  await compose('up', '--detach', '--no-build', '--wait');
  const request = '{"class":"ExampleJob","method":"execute","params":["x"]}';
  for (const umask of ['007', '027', '002']) {
    const [one, many] = [`one${umask}`, `many${umask}`];
    const produce = `umask ${umask}; cd ${spool.root}
echo '${request}' > tmp/${one} && mv tmp/${one} incoming/p5-now-${one}.json
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo '${request}'; done > tmp/${many} && mv tmp/${many} incoming/p5-now-${many}.ndjson`;
    execFileSync('setpriv', ['--reuid=54321', '--regid=54321', `--groups=${GROUP}`, 'sh', '-ec', produce]);
    const isOver = (id: string) => waitFor(() => jobStatus(spool, id)?.state === 'completed', `${id} to be completed`);
    for (const id of [one, `${many}.1`, `${many}.12`]) await isOver(id);
  }
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
  assert.match(await compose('exec', '-T', 'jobspool', 'jobspool', 'fsck'), /nothing is wrong/);
});
