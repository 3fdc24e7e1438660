import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { VARIABLES } from '../../service/config.ts';

test('the README names every variable with its default and its meaning', () => {
  const readme = fs.readFileSync(path.resolve(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  for (const [name, { default: fallback, means }] of Object.entries(VARIABLES)) {
    const row = `| \`${name}\` | ${fallback ? `\`${fallback}\`` : ''} | ${means} |`;
    assert.ok(readme.includes(row), `expected the row ${row}`);
  }
});
