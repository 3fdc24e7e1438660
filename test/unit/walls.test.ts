import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { allBreaches, breaches } from '../walls.ts';

const one = (file: string, source: string) => {
  const found = breaches(file, source);
  assert.equal(found.length, 1, `${file}: ${source}`);
  return found[0] as string;
};

test('the project breaches none of its walls', () => {
  assert.deepEqual(allBreaches(path.resolve(import.meta.dirname, '../..')), []);
});

test('an import against the direction is refused in every form', () => {
  assert.match(one('spool/x.ts', "import { a } from '../jobs/a.ts';"), /spool\/ may import nothing but itself, not jobs\//);
  assert.match(one('jobs/x.ts', "import type { A } from '../service/a.ts';"), /jobs\/ may import spool, not service\//);
  assert.match(one('jobs/examples/x.ts', "export * from '../../service/a.ts';"), /not service\//);
  assert.match(one('ui/views/x.ts', "import '../../jobs/a.ts';"), /ui\/ may import spool, not jobs\//);
  assert.match(one('spool/x.ts', "const a = await import('../service/a.ts');"), /not service\//);
  assert.match(one('service/x.ts', "import a from '../test/support/spool.ts';"), /not test\//);
  assert.match(one('spool/x.ts', 'import {\n  a,\n  b,\n} from "../ui/a.ts";'), /not ui\//);
});

test('the disk and child processes are touched through their doors alone', () => {
  assert.match(one('service/x.ts', "import fs from 'node:fs';"), /may touch the disk/);
  assert.match(one('jobs/x.ts', "import { readFile } from 'fs/promises';"), /may touch the disk/);
  assert.match(one('spool/x.ts', "import { spawn } from 'node:child_process';"), /may touch child processes/);
  assert.deepEqual(breaches('spool/disk.ts', "import fs from 'node:fs';"), []);
  assert.deepEqual(breaches('jobs/command.ts', "import { spawn } from 'node:child_process';"), []);
  assert.deepEqual(breaches('jobs/examples/x.ts', "import fs from 'node:fs';"), []);
});

test('what is allowed, or only said in a comment, is no breach', () => {
  assert.deepEqual(breaches('service/x.ts', "import '../ui/a.ts';\nimport '../jobs/a.ts';\nimport '../spool/a.ts';\nimport 'hono';"), []);
  assert.deepEqual(breaches('spool/x.ts', "// import fs from 'node:fs';\n/* from '../jobs/a.ts' */\nimport './y.ts';"), []);
});
