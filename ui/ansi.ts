/** What programs print, for a page: colours and weights as classes, and nothing that a terminal or a browser would obey. */
import { html } from 'hono/html';
import type { Html } from './views/html.ts';

/** The text with its colours. After `MAX_SPANS` changes of colour the rest is plain. */
export function ansi(text: string): Html {
  const parts: (Html | string)[] = [];
  let style: Style = {};
  let from = 0;
  for (const match of text.matchAll(COLOUR)) {
    if (parts.length >= MAX_SPANS) break;
    if (match.index > from) parts.push(styled(style, stripAnsi(text.slice(from, match.index))));
    style = restyled(style, match[1] ?? '');
    from = match.index + match[0].length;
  }
  parts.push(parts.length >= MAX_SPANS ? stripAnsi(text.slice(from)) : styled(style, stripAnsi(text.slice(from))));
  return html`${parts}`;
}

/** The text alone: without colours and every other sequence, with � in the place of characters that are not to be seen or that turn the text around. */
export function stripAnsi(text: string): string {
  return text.replace(NEVER_SHOWN, (found) => (found === '\r\n' || found === '\r' ? '\n' : isSequence(found) ? '' : '�'));
}

/** As `stripAnsi`, of one line: what a carriage return would have written over stays in it. */
export const stripLine = (line: string): string => stripAnsi(line.replace(/\r$/, '')).replaceAll('\n', '⏎');

const MAX_SPANS = 5_000;
const ESCAPE = '\u001b';

// Control characters are what is looked for here. Each form ends where the next ESC begins, so that hostile text costs no more than its length.
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above
const COLOUR = /\u001b\[([\d;:]*)m/g;
const FORMS = [
  '\\u001b\\[[0-?]*[ -/]*[@-~]', // CSI: colours, moves of the cursor
  '\\u001b\\][^\\u0007\\u001b\\n]*(?:\\u0007|\\u001b\\\\)', // OSC: titles, links, the clipboard
  '\\u001b[PX^_][^\\u001b\\n]*\\u001b\\\\', // strings for devices
  '\\u001b[ -/]*[0-~]',
  '\\r\\n?',
  '[\\u0007\\u0008]', // the bell, and a step back
  '[\\u0000-\\u0006\\u000b\\u000c\\u000e-\\u001a\\u001c-\\u001f\\u007f-\\u009f]+|\\u001b',
  '[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]', // they turn the direction of text
];
const NEVER_SHOWN = new RegExp(FORMS.join('|'), 'g');

const isSequence = (found: string): boolean => (found.length > 1 && found.startsWith(ESCAPE)) || found === '\u0007' || found === '\b';

/** What is switched on; each value is a class without its `ansi-`. */
type Style = {
  colour?: Colour | undefined;
  bold?: 'bold' | undefined;
  dim?: 'dim' | undefined;
  slant?: 'italic' | undefined;
  line?: 'underline' | undefined;
  ground?: 'on' | undefined;
};

type Colour = 'grey' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'plain';

/** In the order of the codes 30 to 37. Black and white would each be lost on one of the two grounds that pages have. */
const COLOURS: readonly Colour[] = ['grey', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'plain'];

const SWITCHES: Record<number, Style> = {
  1: { bold: 'bold' },
  2: { dim: 'dim' },
  3: { slant: 'italic' },
  4: { line: 'underline' },
  7: { ground: 'on' },
  22: { bold: undefined, dim: undefined },
  23: { slant: undefined },
  24: { line: undefined },
  27: { ground: undefined },
  39: { colour: undefined },
  49: { ground: undefined },
};

function styled(style: Style, text: string): Html | string {
  const classes = Object.values(style).filter((name) => name !== undefined && name !== 'plain');
  return classes.length === 0 || text === '' ? text : html`<span class="${classes.map((name) => `ansi-${name}`).join(' ')}">${text}</span>`;
}

function restyled(style: Style, parameters: string): Style {
  // `38:2::255:0:0` and `38;2;255;0;0` are the same colour.
  const codes = parameters.replace(/:+/g, ';').split(';').map(Number);
  let next = style;
  while (codes.length > 0) next = { ...next, ...change(codes.shift() as number, codes, next) };
  return next;
}

// Takes what belongs to a code from those that follow it.
function change(code: number, following: number[], style: Style): Style {
  if (code === 0) return Object.fromEntries(Object.keys(style).map((key) => [key, undefined]));
  if (code === 38) return { colour: extended(following) };
  if (code === 48) return extended(following) ? { ground: 'on' } : {};
  if (isIn(code, 30) || isIn(code, 90)) return { colour: COLOURS[code % 10] };
  return isIn(code, 40) || isIn(code, 100) ? { ground: 'on' } : (SWITCHES[code] ?? {});
}

const isIn = (code: number, first: number): boolean => code >= first && code <= first + 7;

function extended(following: number[]): Colour | undefined {
  const kind = following.shift();
  if (kind === 2) return nearest(following.splice(0, 3));
  if (kind !== 5) return undefined;
  const index = following.shift() ?? 7;
  if (index < 16) return COLOURS[index % 8];
  if (index >= 232) return index < 244 ? 'grey' : 'plain';
  return nearest([Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6].map((part) => part * 51));
}

// Each of the eight has red, green and blue either on or off, in this order of bits.
function nearest([red = 0, green = 0, blue = 0]: number[]): Colour | undefined {
  const most = Math.max(red, green, blue);
  if (most < 64) return 'grey';
  const isOn = (part: number) => (part > most / 2 ? 1 : 0);
  return COLOURS[isOn(red) + 2 * isOn(green) + 4 * isOn(blue)];
}
