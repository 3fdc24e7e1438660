import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import test from 'node:test';
import { quoted } from '../../spool/by-hand.ts';
import { jsonText } from '../../ui/json-text.ts';

const UNSEEN = '\u202egnp.exe\u2067 \u009b31m\u200b\u2028\ufeff';

test('a command that is copied from a page says what it does, and reaches the very file', () => {
  for (const name of ['a.json', "it's \\ here", `\u001b[31m${UNSEEN}'\\\n.json`, 'Grüße 👩‍🚀']) {
    const word = quoted(name);
    assert.doesNotMatch(word, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    assert.equal(execFileSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8' }), name);
  }
});

test('parameters are shown without characters that no eye sees or that turn text around, and mean the same', () => {
  const params = [{ [UNSEEN]: UNSEEN, emoji: '👩‍🚀' }];
  const text = jsonText(params, 2);
  assert.match(text, /"\\u202egnp\.exe\\u2067 \\u009b31m\\u200b\\u2028\\ufeff"/);
  assert.match(text, /"👩‍🚀"/);
  assert.deepEqual(JSON.parse(text), params);
  assert.equal(jsonText(undefined), '');
});
