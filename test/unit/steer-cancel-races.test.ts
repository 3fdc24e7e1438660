/** A job that moves in the very moment in which it is cancelled. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { disk } from '../../spool/disk.ts';
import type { Spool } from '../../spool/spool.ts';
import { cancel } from '../../spool/steer.ts';
import { putLine, putRunning } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';

/** As soon as the marker is there, `act` is done by somebody else. */
const meanwhile = (spool: Spool, act: () => void): Spool => ({
  ...spool,
  disk: {
    ...disk,
    create(file, text, sync) {
      disk.create(file, text, sync);
      if (file === spool.cancelMarker('a')) act();
    },
  },
});

test('a job that fails while it is cancelled is said to have failed, and no marker is left behind', (t) => {
  const spool = tempSpool(t);
  const file = putRunning(spool, 'host-1', { id: 'a' });
  const fails = () => fs.renameSync(file, path.join(spool.failed, path.basename(file)));
  assert.deepEqual(cancel(meanwhile(spool, fails), 'a'), { kind: 'conflict', state: 'failed' });
  assert.ok(!fs.existsSync(spool.cancelMarker('a')));
});

test('a job that completes while it is cancelled was asked to stop where it ran', (t) => {
  const spool = tempSpool(t);
  const file = putRunning(spool, 'host-1', { id: 'a' });
  const completes = () => {
    putLine(spool, 'a', Date.now());
    fs.unlinkSync(file);
  };
  assert.deepEqual(cancel(meanwhile(spool, completes), 'a'), { kind: 'asked', from: 'running', slot: 'host-1' });
});
