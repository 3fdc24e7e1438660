/** Whatever call the disk refuses, once or from then on: nothing is lost, nothing is said that is not so, and when the disk is well again everything goes on. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { SpoolError } from '../../spool/errors.ts';
import { ACTS, type Act, type World, worldOf } from '../support/acts.ts';
import { type Break, type Call, withBreak } from '../support/breaking-calls.ts';
import { brokenPromises, leftBehind, stillLive } from '../support/invariants.ts';
import { fingerprint, runToEnd } from '../support/run-to-end.ts';

// What is bound for these two goes the same way as what is bound for the others.
const TRIED = ACTS.filter(({ name }) => !/bound for (cancelled|pending)/.test(name));

for (const act of TRIED) {
  test(`an error at any call loses nothing: ${act.name}`, async (t) => {
    const calls = await callsOf(act);
    const failures = calls.flatMap(failuresAt);
    const seen = new Set<string>();
    const wrong: string[] = [];
    for (const what of failures) {
      const where = `${what.errno} ${what.lasting ? 'from' : 'at'} call ${what.at} of ${calls.length} on, ${calls[what.at - 1]?.name}`;
      for (const sentence of await failed(act, what, seen)) wrong.push(`${where}: ${sentence}`);
    }
    assert.deepEqual(wrong, []);
    t.diagnostic(`${failures.length} errors`);
  });
}

type Failure = Break & { kind: 'fail' };

// From then on: a disk that is full, read-only or broken, a process without descriptors. A quota is a full disk, and all descriptors of the
// system are those of the process.
const LASTING: readonly string[] = ['ENOSPC', 'EROFS', 'EIO', 'EMFILE'];

const failuresAt = ({ errnos }: Call, index: number): Failure[] =>
  errnos.flatMap((errno) =>
    (LASTING.includes(errno) ? [false, true] : [false]).map((lasting) => ({ kind: 'fail' as const, at: index + 1, errno, lasting })),
  );

async function callsOf(act: Act): Promise<Call[]> {
  const { world, remove } = worldOf(act);
  const { calls } = await withBreak(() => act.act(world));
  remove();
  return calls;
}

/** What is wrong after a failure, in sentences. Of failures that leave the same, only the first is followed to the end. */
async function failed(act: Act, what: Failure, seen: Set<string>): Promise<string[]> {
  const open = descriptors();
  const { world, remove } = worldOf(act);
  try {
    const wrong = told(act, world, await withBreak(() => act.act(world), what));
    const state = `${wrong.join()} ${fingerprint(world.spool.root)}`;
    if (!seen.has(state)) wrong.push(...(await afterwards(act, world)));
    seen.add(state);
    return wrong;
  } finally {
    remove();
    assert.deepEqual(descriptors(), open, `${what.errno} at call ${what.at}: a descriptor stays open`);
  }
}

// Windows and macOS have no such folder; the tests of descriptors are for Linux.
const descriptors = (): number => (fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0);

function told(act: Act, world: World, { value, error }: { value?: unknown; error?: unknown }): string[] {
  if (error === undefined) return sentences(act.untrue(world, value));
  const message = error instanceof Error ? error.message : String(error);
  const names = message.includes(world.spool.root) ? [] : [`the error names no file: "${message}"`];
  return [...names, ...sentences(act.wrongAfterError?.(world, error))];
}

async function afterwards(act: Act, world: World): Promise<string[]> {
  const { spool, acknowledged, expendable } = world;
  const kept = () => [...acknowledged].filter((id) => !expendable.has(id));
  const wrong = brokenPromises(spool, kept()).filter((what) => !act.tolerates?.test(what));
  if (act.isRepeated) wrong.push(...(await again(act, world)));
  await runToEnd(spool.root);
  return [...wrong, ...[...brokenPromises(spool, kept()), ...stillLive(spool), ...leftBehind(spool)].map((what) => `in the end: ${what}`)];
}

// What was half done may make it a conflict now; anything else means that it cannot be done any more.
async function again(act: Act, world: World): Promise<string[]> {
  const { value, error } = await withBreak(() => act.act(world));
  if (error === undefined) return sentences(act.untrue(world, value)).map((what) => `again: ${what}`);
  return error instanceof SpoolError ? [] : [`again: ${error}`];
}

const sentences = (what: string | undefined | false): string[] => (what ? [what] : []);
