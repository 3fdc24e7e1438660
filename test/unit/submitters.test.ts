/** Who may submit what: the sentences and the order of an allow-list's entries, and the groups that a system knows. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { rememberedGroups } from '../../jobs/groups.ts';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { type Submitter, submitterRefusal } from '../../jobs/submitters.ts';
import { lineRequest } from '../../spool/batch.ts';
import { platformFor, type SystemCalls } from '../../spool/platform.ts';
import { markedLines } from '../../spool/submitter.ts';
import { aRequest } from '../support/a-job.ts';
import { tempFolder } from '../support/spool.ts';

const noGroups = () => new Set<number>();
const refusal = (
  submitters: Submitter[],
  uid: number | undefined,
  priority = 5,
  groupsOf: (uid: number) => ReadonlySet<number | string> = noGroups,
) => submitterRefusal('Report.build', submitters, { submittedBy: uid, priority }, groupsOf);

test('a user who is not among those who may submit a method is refused, and the sentence says who may', () => {
  const list = [{ uid: 33 }, { group: 'deploy', maxPriority: 8 }];
  assert.equal(refusal(list, 33, 10), undefined);
  assert.equal(refusal(list, 34), 'uid 34 may not submit Report.build; who may: uid 33, group deploy (priority at most 8)');
  assert.equal(refusal(list, 0), 'uid 0 may not submit Report.build; who may: uid 33, group deploy (priority at most 8)');
  assert.equal(
    refusal(list, 34, 5, () => new Set(['deploy', 900])),
    undefined,
  );
  assert.equal(
    refusal([{ group: 900 }], 34, 5, () => new Set(['deploy', 900])),
    undefined,
  );
  assert.match(refusal([{ group: '900' }], 34, 5, () => new Set([900])) ?? '', /^uid 34 may not submit/, 'a name is no number');
  assert.match(refusal(list, undefined) ?? '', /^Report.build may be submitted by uid 33, .* this platform does not say who submitted it$/);
});

test('a priority over the one that a user may ask for is refused, not lowered: the first entry that means the user decides', () => {
  const list = [{ uid: 33, maxPriority: 3 }, { group: 'ops' }, { maxPriority: 6 }];
  assert.equal(refusal(list, 33, 3), undefined);
  assert.match(
    refusal(list, 33, 4) ?? '',
    /^uid 33 may submit Report.build with a priority of at most 3, got 4; who may: uid 33 \(priority at most 3\), group ops, everybody/,
  );
  assert.equal(refusal(list, 34, 6), undefined);
  assert.match(refusal(list, 34, 7) ?? '', /at most 6, got 7/);
  assert.equal(
    refusal(list, 34, 10, () => new Set(['ops'])),
    undefined,
  );
});

test('a file that others than its owner may write is no proof of who submitted it, where that matters', () => {
  const shared = { submittedBy: 33, priority: 5, isForgeable: true } as const;
  const told = submitterRefusal('Report.build', [{ uid: 33 }], shared, noGroups);
  assert.match(told ?? '', /others than uid 33 may have written it: let its producer have the umask 027, and submit it anew$/);
  assert.equal(submitterRefusal('Report.build', [{ maxPriority: 5 }], shared, noGroups), undefined, 'one limit for all');
});

test('an allow-list may limit a class and, in its place, a method, and what is wrong in it is named', async (t) => {
  const list = await allowlistOf(t, {
    Report: { module: './r.js', submitters: [{ uid: 33 }], methods: { build: {}, read: { submitters: [{ maxPriority: 5 }] } } },
    Free: { command: ['true'], methods: { run: {} } },
  });
  const check = (className: string, method: string, submittedBy: number, priority: number) =>
    list.check(aRequest({ class: className, method, submittedBy }), { priority });
  assert.equal(check('Report', 'build', 33, 10).ok, true);
  assert.equal(check('Report', 'build', 34, 1).ok, false);
  assert.equal(check('Report', 'read', 34, 5).ok, true);
  assert.equal(check('Report', 'read', 33, 6).ok, false);
  assert.equal(check('Free', 'run', 34, 10).ok, true);
  assert.equal(list.check(aRequest({ class: 'Report', method: 'build' })).ok, true, 'what came by no spool was submitted by nobody');
  const wrong: [object, RegExp][] = [
    [{ uid: 33, group: 'web' }, /A\.submitters\[0\]\.group: belongs to another entry than "uid"/],
    [{ uid: -1 }, /A\.submitters\[0\]\.uid: expected/],
    [{ uid: 'web' }, /A\.submitters\[0\]\.uid: expected/],
    [{ maxPriority: 11 }, /A\.submitters\[0\]\.maxPriority: expected/],
    [{ user: 'web' }, /unknown field "A\.submitters\[0\]\.user"/],
  ];
  for (const [entry, told] of wrong)
    await assert.rejects(allowlistOf(t, { A: { module: './a.js', submitters: [entry], methods: {} } }), told);
  await assert.rejects(
    allowlistOf(t, { A: { module: './a.js', submitters: [], methods: {} } }),
    /A\.submitters: expected a list with a length of at least 1/,
  );
});

test('the groups of a user are those that the system knows it by, and are asked for once a minute', () => {
  const asked: string[] = [];
  const run = (command: string, args: string[]) => {
    asked.push([command, ...args].join(' '));
    if (args[1] === '54102') throw Object.assign(new Error('no such user'), { status: 1, stdout: '' });
    return args[0] === '-G' ? '33 900\n' : 'www-data deploy\n';
  };
  const { groupsOf } = platformFor('linux', { run } as unknown as SystemCalls);
  const spaced = platformFor('linux', {
    run: (_: string, args: string[]) => (args[0] === '-G' ? '33 900\n' : 'www-data web deploy\n'),
  } as unknown as SystemCalls);
  assert.deepEqual([...spaced.groupsOf(33)], [33, 900], 'a name may have a space: then none is known for sure');
  let now = 0;
  const groups = rememberedGroups(groupsOf, () => now);
  assert.deepEqual([...groups(33)], [33, 900, 'www-data', 'deploy']);
  groups(33);
  assert.deepEqual(asked, ['id -G 33', 'id -Gn 33']);
  assert.equal(groups(54_102).size, 0, 'a user whom this system does not know is in no group');
  now = 60_001;
  groups(33);
  assert.equal(asked.length, 5);
  const missing = platformFor('linux', {
    run: () => {
      throw Object.assign(new Error('spawn id ENOENT'), { code: 'ENOENT' });
    },
  } as unknown as SystemCalls);
  assert.throws(() => missing.groupsOf(33), /ENOENT/);
});

test('this system says which groups root is in', () => {
  if (!process.getuid) return;
  assert.ok(rememberedGroups()(0).has(0));
});

test('a copied line is of whom its batch was of, whatever it says itself', () => {
  const lines = ['{"class":"A"}', '{"class":"A","submittedBy":0} ', '', '{"class":"A","params":["}\u2028{"]}', 'no request', '[{}'];
  const parsed = markedLines(lines.join('\n'), { uid: 33, maySayWho: false, isForgeable: false })
    .split('\n')
    .map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        return line;
      }
    });
  assert.deepEqual(parsed.slice(0, 2), [
    { class: 'A', submittedBy: 33 },
    { class: 'A', submittedBy: 33 },
  ]);
  assert.deepEqual(parsed[3], { class: 'A', params: ['}\u2028{'], submittedBy: 33 });
  assert.deepEqual([parsed[2], parsed[4]], ['', 'no request']);
  assert.equal(parsed.length, lines.length);
  const doubtful = markedLines(lines.join('\n'), { uid: 33, maySayWho: false, isForgeable: true }).split('\n');
  for (const line of doubtful.slice(0, 2)) {
    assert.deepEqual(lineRequest(line, true), { ok: true, request: aRequest({ class: 'A', submittedBy: 33, isForgeable: true }) });
    assert.equal(lineRequest(line).ok, false, 'no producer says so in a batch');
  }
});

function allowlistOf(t: TestContext, classes: object) {
  const file = path.join(tempFolder(t), 'allowlist.json');
  fs.writeFileSync(file, JSON.stringify(classes));
  return loadAllowlist(file);
}
