import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ansi, stripAnsi, stripLine } from '../../ui/ansi.ts';

const ESC = '\u001b';
const shown = (text: string) => String(ansi(text));

test('colours and weights become classes, and end where the program ends them', () => {
  assert.equal(shown(`a ${ESC}[31mred${ESC}[0m b`), 'a <span class="ansi-red">red</span> b');
  assert.equal(
    shown(`${ESC}[1;32mok${ESC}[22m!${ESC}[m.`),
    '<span class="ansi-bold ansi-green">ok</span><span class="ansi-green">!</span>.',
  );
  assert.equal(shown(`${ESC}[2;3;4;7mx`), '<span class="ansi-dim ansi-italic ansi-underline ansi-on">x</span>');
  assert.equal(shown(`${ESC}[97;41mx${ESC}[49my`), '<span class="ansi-on">x</span>y');
  assert.equal(shown(`${ESC}[34mone\ntwo${ESC}[39mthree`), '<span class="ansi-blue">one\ntwo</span>three');
});

test('colours of 256 and of 16 million become the nearest that has a class, and what follows them still counts', () => {
  assert.equal(shown(`${ESC}[38;5;196;1mx`), '<span class="ansi-red ansi-bold">x</span>');
  assert.equal(shown(`${ESC}[38;2;10;200;20;4mx`), '<span class="ansi-green ansi-underline">x</span>');
  assert.equal(shown(`${ESC}[38:2::20:30:220mx`), '<span class="ansi-blue">x</span>');
  assert.equal(shown(`${ESC}[38;5;240mx`), '<span class="ansi-grey">x</span>');
  assert.equal(shown(`${ESC}[48;5;22;31mx`), '<span class="ansi-on ansi-red">x</span>');
  assert.equal(shown(`${ESC}[38;5mx${ESC}[999mx${ESC}[38;9mx`), 'xxx');
});

test('sequences that move the cursor, set titles, make links or write the clipboard leave no trace', () => {
  const hostile = [
    `${ESC}[2J`,
    `${ESC}[10;5H`,
    `${ESC}[?1049h`,
    `${ESC}]0;title\u0007`,
    `${ESC}]8;;https://evil.example${ESC}\\`,
    `${ESC}]52;c;ZXZpbA==\u0007`,
    `${ESC}P1$r0m${ESC}\\`,
    `${ESC}c`,
    `${ESC}(0`,
    '\u0007',
    '\b',
  ];
  for (const sequence of hostile) assert.equal(stripAnsi(`a${sequence}b`), 'ab', JSON.stringify(sequence));
});

test('a sequence without an end hides nothing of what follows it', () => {
  assert.equal(stripAnsi(`${ESC}]0;begun\nnext line`), '0;begun\nnext line');
  assert.equal(stripAnsi(`${ESC}[31`), '31');
  assert.equal(stripAnsi(`a${ESC}`), 'a�');
});

test('characters that cannot be seen or that turn the text around are shown as �', () => {
  assert.equal(stripAnsi('a\u0000b'), 'a�b');
  assert.equal(stripAnsi('\u0000'.repeat(10_000)), '�');
  assert.equal(stripAnsi('user\u202egpj.exe'), 'user�gpj.exe');
  assert.equal(stripAnsi('\u2066x\u2069\u200f'), '�x��');
  assert.equal(stripAnsi('\u009b31mx'), '�31mx');
  assert.equal(stripAnsi(`\u0000${ESC}[31mx`), '�x');
  assert.equal(stripAnsi('tab\tand 日本語 and 👩‍🚀'), 'tab\tand 日本語 and 👩‍🚀');
});

test('a line that writes over itself stays readable', () => {
  assert.equal(stripAnsi('10%\r50%\rdone\r\nnext'), '10%\n50%\ndone\nnext');
  assert.equal(stripLine('10%\rdone\r'), '10%⏎done');
});

test('no text becomes HTML, whatever stands around it', () => {
  assert.equal(shown('<script>alert(1)</script>'), '&lt;script&gt;alert(1)&lt;/script&gt;');
  assert.equal(
    shown(`${ESC}[31m<img src=x onerror="x">${ESC}[0m`),
    '<span class="ansi-red">&lt;img src=x onerror=&quot;x&quot;&gt;</span>',
  );
  assert.equal(shown(`<${ESC}[0mscript>`), '&lt;script&gt;');
});

test('the text of what is shown is the stripped text, and has no control character', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      `${ESC}[`,
      `${ESC}]`,
      ESC,
      'm',
      ';',
      '31',
      '38;5',
      '\u0007',
      '\r',
      '\n',
      `${ESC}\\`,
      '\u0000',
      '\u202e',
      '\u009b',
      '[',
      'H',
    ),
    fc.string({ unit: fc.constantFrom('a', '1', ' ', 'é', '日'), maxLength: 4 }),
  );
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, (input) => {
      const plain = stripAnsi(input);
      assert.doesNotMatch(plain, /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u);
      assert.equal(shown(input).replace(/<\/?span[^>]*>/g, ''), plain);
    }),
    { numRuns: 2_000 },
  );
});

test('hostile text is shown in a time that grows with its length only, and in a page that stays bounded', () => {
  const evil = [
    `${ESC}]`,
    `${ESC}P`,
    `${ESC}[1;`,
    `${ESC}[`,
    `${ESC}[31mx`,
    '\r',
    `${ESC}[${'1'.repeat(250_000)}`,
    `${ESC}]${'a'.repeat(250_000)}`,
  ];
  const began = performance.now();
  const pages = evil.map((text) => shown(text.repeat(Math.ceil(262_144 / text.length))));
  assert.ok(performance.now() - began < 20_000, 'it took longer than 20 s');
  for (const page of pages) assert.ok(page.length < 1_500_000, `a page of ${page.length} characters`);
  assert.ok((pages[4] as string).split('<span').length <= 5_001);
});
