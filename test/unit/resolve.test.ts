import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { resolveHandler } from '../../jobs/resolve.ts';
import { tempFolder } from '../support/spool.ts';

const SOURCE = `
  class Base { inherited() { return 'inherited'; } }
  export class Greeter extends Base {
    #name = 'Ann';
    hello(to) { return this.#name + ' greets ' + to; }
    get getter() { return () => 'getter'; }
    field = () => 'field';
    static fixed() { return 'static'; }
  }
  export { Greeter as Other };
  export const notAClass = { hello() {} };
  export const arrow = () => 1;
`;

function moduleIn(t: TestContext, source = SOURCE): string {
  const folder = tempFolder(t);
  fs.writeFileSync(path.join(folder, 'greeter.mjs'), source);
  return folder;
}

const resolveIn = (folder: string, className: string, method: string, entry: { module?: string; export?: string } = {}) =>
  resolveHandler(folder, className, method, { module: './greeter.mjs', methods: {}, ...entry });

async function refusal(folder: string, className: string, method: string, entry?: { module?: string; export?: string }): Promise<string> {
  const resolved = await resolveIn(folder, className, method, entry);
  return resolved.ok ? assert.fail(`${className}.${method} was found`) : resolved.reason;
}

test('a method is called on a new object of its class', async (t) => {
  const resolved = await resolveIn(moduleIn(t), 'Greeter', 'hello');
  assert.ok(resolved.ok);
  assert.equal(resolved.call(['Bob']), 'Ann greets Bob');
});

test('a class may be exported by another name', async (t) => {
  const resolved = await resolveIn(moduleIn(t), 'Renamed', 'hello', { export: 'Other' });
  assert.ok(resolved.ok);
});

test('the constructor, inherited, static and made-up members are no methods', async (t) => {
  const folder = moduleIn(t);
  for (const method of ['constructor', '__proto__', 'inherited', 'toString', 'fixed', 'field', 'getter', 'hasOwnProperty', 'none', '']) {
    assert.match(
      await refusal(folder, 'Greeter', method),
      new RegExp(`^method "${method}" is on the allow-list, but class "Greeter" in .* has no method of that name$`),
    );
  }
});

test('a module or class that is missing is refused by name', async (t) => {
  const folder = moduleIn(t);
  assert.match(await refusal(folder, 'Greeter', 'hello', { module: './none.mjs' }), /its module .*none\.mjs does not exist$/);
  for (const name of ['None', 'notAClass', 'arrow', 'default', '__proto__', 'constructor', 'toString']) {
    assert.match(await refusal(folder, name, 'hello'), new RegExp(`exports no class "${name}"$`));
  }
});

test('a module that breaks while it loads is a failure of the job, not a refusal', async (t) => {
  await assert.rejects(resolveIn(moduleIn(t, 'throw new TypeError("boom");'), 'Greeter', 'hello'), { name: 'TypeError', message: 'boom' });
  await assert.rejects(resolveIn(moduleIn(t, 'import "./missing.mjs";'), 'Greeter', 'hello'), { code: 'ERR_MODULE_NOT_FOUND' });
});
