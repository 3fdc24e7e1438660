import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Allowlist, findAllowlist, loadAllowlist } from '../../jobs/load-allowlist.ts';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import { aRequest } from '../support/a-job.ts';
import { tempFolder } from '../support/spool.ts';

function write(t: TestContext, name: string, text: string): string {
  const file = path.join(tempFolder(t), name);
  fs.writeFileSync(file, text);
  return file;
}

const fromJson = (t: TestContext, list: unknown) => loadAllowlist(write(t, 'allowlist.json', JSON.stringify(list)));

const mistakesOf = async (t: TestContext, list: unknown): Promise<string> => {
  try {
    await fromJson(t, list);
  } catch (error) {
    assert.equal((error as Error).name, 'AllowlistError');
    return (error as Error).message;
  }
  return assert.fail('the list was accepted');
};

function refusal(allowlist: Allowlist, className: string, method: string, params: unknown[] | Record<string, unknown> = []): string {
  const checked = allowlist.check({ class: className, method, params });
  return checked.ok ? assert.fail(`${className}.${method} may run`) : checked.reason;
}

const GREETER = { module: './greeter.js', methods: { hello: {}, shout: { retries: 0, timeout: '5s' } } };

test('a class or method that is not on the list is refused, and the sentence says what is', async (t) => {
  const list = await fromJson(t, { Greeter: GREETER });
  assert.equal(refusal(list, 'Other', 'hello'), 'class "Other" is not on the allow-list; on it: Greeter');
  assert.equal(refusal(list, 'Greeter', 'wave'), 'method "wave" of class "Greeter" is not allowed; allowed: hello, shout');
  assert.equal(refusal(list, 'greeter', 'hello'), 'class "greeter" is not on the allow-list; on it: Greeter');
  assert.equal(refusal(list, 'Greeter ', 'hello'), 'class "Greeter " is not on the allow-list; on it: Greeter');
});

test('names that every object has are on no list', async (t) => {
  const list = await fromJson(t, { Greeter: GREETER });
  for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']) {
    assert.match(refusal(list, name, 'hello'), /is not on the allow-list/, name);
    assert.match(refusal(list, 'Greeter', name), /is not allowed/, name);
  }
});

test('an empty list allows nothing, and a long one is not recited', async (t) => {
  assert.equal(refusal(await fromJson(t, {}), 'A', 'b'), 'class "A" is not on the allow-list; on it: nothing');
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`C${index}`, GREETER]));
  assert.match(refusal(await fromJson(t, many), 'A', 'b'), /C9 and 20 more$/);
});

test('parameters that fail a JSON Schema are refused by which, what was expected and what was there', async (t) => {
  const params = { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer', minimum: 1 }], minItems: 2, maxItems: 2 };
  const list = await fromJson(t, { A: { module: './a.js', methods: { m: { params } } } });
  assert.equal(list.check({ class: 'A', method: 'm', params: ['x', 2] }).ok, true);
  assert.match(refusal(list, 'A', 'm', [7, 2]), /^A\.m does not take these parameters: params\[0\]: expected string, got the number 7$/);
  assert.match(refusal(list, 'A', 'm', ['x', 0]), /params\[1\]: expected at least 1, got the number 0/);
  assert.match(refusal(list, 'A', 'm', ['x']), /params/);
  assert.match(refusal(list, 'A', 'm', { x: 1 }), /params: expected (array|tuple), got an object/);
});

test('a TypeScript list checks with zod, and hands on what the schema made of the parameters', async (t) => {
  const zod = JSON.stringify(import.meta.resolve('zod'));
  const file = write(
    t,
    'allowlist.ts',
    `import { z } from ${zod};
     const params: unknown = z.tuple([z.string().trim(), z.number().default(3)]);
     export default { A: { module: './a.ts', methods: { m: { params }, o: { params: z.object({ to: z.email() }) } } } };`,
  );
  const list = await loadAllowlist(file);
  const checked = list.check({ class: 'A', method: 'm', params: [' x ', 4] });
  assert.deepEqual(checked.ok && checked.params, ['x', 4]);
  assert.match(refusal(list, 'A', 'o', { to: 'nobody' }), /params\.to: .*"nobody"/);
  assert.equal(list.folder, path.dirname(file));
});

test('every mistake in a list is named by its place', async (t) => {
  const message = await mistakesOf(t, {
    A: { module: '', methods: {} },
    B: { methods: {} },
    C: { command: [], methods: {} },
    D: { module: './d.js', methods: { m: { retries: -1 }, n: { retry: 3 }, o: { isolation: 'own' } } },
  });
  for (const place of [/\bA\b/, /\bB\b/, /\bC\b/, /\bD\b/]) assert.match(message, place);
  assert.doesNotMatch(message, /\[object|undefined/);
  assert.match(message, /read the allow-list .*allowlist\.json/);
});

test('a policy that is wrong is named down to its field', async (t) => {
  const message = await mistakesOf(t, { D: { module: './d.js', methods: { m: { retries: -1 }, n: { retry: 3 } } } });
  assert.match(message, /retries/);
  assert.match(message, /retry\b/);
});

test('how many jobs share a runner is a number from 1 to 1000, for shared methods of modules only, and the mistake is named', async (t) => {
  const shared = { isolation: 'shared' };
  const message = await mistakesOf(t, {
    A: {
      module: './a.js',
      methods: { zero: { ...shared, concurrency: 0 }, many: { ...shared, concurrency: 1_001 }, alone: { concurrency: 5 } },
    },
    B: { command: ['b'], methods: { run: shared } },
  });
  assert.match(message, /A\.methods\.zero\.concurrency: /);
  assert.match(message, /A\.methods\.many\.concurrency: /);
  assert.match(message, /A\.methods\.alone\.concurrency: belongs to isolation "shared".*, got the number 5/);
  assert.match(message, /B\.methods\.run\.isolation: a command has a process of its own: .*, got the text "shared"/);
});

test('a protocol belongs to a command, is one of two, and "lines" keeps no process for one attempt alone: the mistake is named', async (t) => {
  const lines = { command: ['php', 'worker.php'], protocol: 'lines' };
  const message = await mistakesOf(t, {
    A: { module: './a.js', protocol: 'lines', methods: { m: {} } },
    B: { command: ['b'], protocol: 'line', methods: {} },
    C: { ...lines, methods: { alone: { isolation: 'fresh' }, shared: { isolation: 'shared' }, kept: { isolation: 'warm' } } },
  });
  assert.match(message, /A\.protocol: belongs to a class with a "command", got the text "lines"/);
  assert.match(message, /B\.protocol: expected "once" or "lines", got the text "line"/);
  assert.match(
    message,
    /C\.methods\.alone\.isolation: a command of the protocol "lines" is kept from job to job: .*, got the text "fresh"/,
  );
  assert.match(message, /C\.methods\.shared\.isolation: /);
  assert.doesNotMatch(message, /kept\./);
  await fromJson(t, {
    C: { ...lines, methods: { m: {} } },
    D: { command: ['d'], protocol: 'once', methods: { m: { isolation: 'fresh' } } },
  });
});

test('a shared method without a number shares by ten, and the others not at all', async (t) => {
  const methods = { ten: { isolation: 'shared' }, two: { isolation: 'shared', concurrency: 2 }, own: {} };
  const list = await fromJson(t, { A: { module: './a.js', methods } });
  assert.deepEqual([list.sharingOf('A', 'ten')?.concurrency, list.sharingOf('A', 'two')?.concurrency], [10, 2]);
  assert.notEqual(list.sharingOf('A', 'ten')?.key, list.sharingOf('A', 'two')?.key);
  for (const [name, method] of [
    ['A', 'own'],
    ['A', 'constructor'],
    ['constructor', 'ten'],
  ] as const)
    assert.equal(list.sharingOf(name, method), undefined);
  assert.equal(list.hasShared, true);
});

test('params that are no JSON Schema are refused by their method', async (t) => {
  assert.match(
    await mistakesOf(t, { A: { module: './a.js', methods: { m: { params: { type: 'strnig' } } } } }),
    /the params of A\.m are no JSON Schema/,
  );
});

test('a list that is missing, broken or exports nothing says so', async (t) => {
  await assert.rejects(loadAllowlist(write(t, 'a.json', '{ "A": ')), { name: 'AllowlistError', message: /read the allow-list .*a\.json/ });
  await assert.rejects(loadAllowlist(write(t, 'a.js', 'export const x = 1;')), { name: 'AllowlistError' });
  await assert.rejects(loadAllowlist(write(t, 'b.js', 'throw new Error("boom");')), { name: 'AllowlistError', message: /boom/ });
  assert.throws(() => findAllowlist('none.ts', tempFolder(t)), { name: 'AllowlistError', message: /JOBSPOOL_JOBS/ });
  assert.throws(() => findAllowlist(undefined, tempFolder(t)), {
    message: /jobs\/allowlist\.ts, jobs\/allowlist\.js, jobs\/allowlist\.json/,
  });
});

test('a list that nobody names is found by its usual names, TypeScript first', (t) => {
  const cwd = tempFolder(t);
  fs.mkdirSync(path.join(cwd, 'jobs'));
  for (const name of ['json', 'js', 'ts']) {
    fs.writeFileSync(path.join(cwd, 'jobs', `allowlist.${name}`), '');
    assert.equal(findAllowlist(undefined, cwd), path.join(cwd, 'jobs', `allowlist.${name}`));
  }
});

test('a job whose method left the list since still has a policy to end by', async (t) => {
  const list = await fromJson(t, { Greeter: GREETER });
  assert.equal(list.policyOf(aRequest({ class: 'Greeter', method: 'shout' }), DEFAULT_POLICY).retries, 0);
  assert.equal(list.policyOf(aRequest({ class: 'Gone' }), DEFAULT_POLICY).retries, 3);
  assert.equal(list.policyOf(aRequest({ class: 'constructor', method: 'name' }), DEFAULT_POLICY).retries, 3);
});
