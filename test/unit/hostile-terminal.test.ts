import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { forTerminal, lineForTerminal } from '../../service/terminal.ts';
import { CONTROLS } from '../support/hostile.ts';

const shown = (chunks: Uint8Array[]): string => {
  let text = '';
  const show = forTerminal((more) => {
    text += more;
  });
  for (const chunk of chunks) show(chunk);
  return text;
};

test('what a job printed reaches a terminal with its colours, and with nothing else that a terminal obeys', () => {
  const text = shown([Buffer.from(`${CONTROLS}\u009b2J \u001bP1$r\u001b\\ \u001b]52;c;eA==\u0007 a\tb\r\n\u001b[0m\u001b[2J`)]);
  for (const kept of ['plain \u001b[31mred\u001b[0m ', ' a\tb\r\n\u001b[0m']) assert.ok(text.includes(kept), JSON.stringify(text));
  const colourless = text.replaceAll('\u001b[31m', '').replaceAll('\u001b[0m', '');
  assert.doesNotMatch(colourless, /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]/u);
});

test('wherever what was printed is cut, the terminal gets the same, and letters of several bytes whole', () => {
  const whole = Buffer.from(`${CONTROLS} é漢💾 \u001b[1;38:5:196mx\u001b[0m\u001b[31`.repeat(2));
  const expected = shown([whole]);
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      assert.equal(shown(at.slice(1).map((end, index) => whole.subarray(at[index], end))), expected);
    }),
    { numRuns: 500 },
  );
});

test('a line of the log stays one line on a terminal, whatever class, method, id or file it tells of', () => {
  const evil = `A\n10:00 INFO completed\r${CONTROLS}\u009b2J`;
  const line = JSON.stringify({
    level: 'info',
    msg: evil,
    id: evil,
    class: evil,
    method: evil,
    file: evil,
    err: { message: 'a\nb', stack: `at a\nat b ${CONTROLS}` },
  });
  const { err, ...fields } = JSON.parse(lineForTerminal(line)) as { err: { stack: string } } & Record<string, string>;
  for (const [field, text] of Object.entries(fields)) assert.doesNotMatch(text, /\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u, field);
  assert.match(err.stack, /^at a\nat b plain /);
  assert.doesNotMatch(err.stack.replaceAll('\n', ''), /\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
});
