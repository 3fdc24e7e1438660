/**
 * What jobs printed, for a terminal: colours stay, and whatever else a terminal would obey (a new title, a moved cursor, a text for the clipboard,
 * an answer typed in our name) or that turns the text around becomes a mark. Give it the bytes as they come; a sequence may be cut anywhere.
 */
export function forTerminal(show: (text: string) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = '';
  return (bytes) => {
    const text = rest + decoder.decode(bytes, { stream: true });
    const end = lengthOfWhole(text);
    rest = text.slice(end);
    show(text.slice(0, end).replace(OBEYED, (_, colour?: string) => colour ?? '�'));
  };
}

// Without what may be the beginning of a sequence.
const lengthOfWhole = (text: string): number => UNFINISHED.exec(text)?.index ?? text.length;

// As text: Biome refuses control characters in regular expressions. A colour (Select Graphic Rendition) is the one sequence that is let through.
const COLOUR = '\\u001b\\[[0-9;:]{0,32}m';
const COLOUR_BEGUN = '\\u001b(?:\\[[0-9;:]{0,32})?$';
const UNFINISHED = new RegExp(COLOUR_BEGUN);
// A tab, a line end and a return to the beginning of the line are no harm.
const OBEYED = new RegExp(`(${COLOUR})|[^\\P{Cc}\\t\\n\\r]|[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]`, 'gu');

/** A line of the service's log, for a terminal: names that producers chose stay within their line, and nothing in any text is obeyed. */
export function lineForTerminal(line: string): string {
  return JSON.stringify(JSON.parse(line, (key, value) => (typeof value === 'string' ? inertText(value, OF_LINES.has(key)) : value)));
}

/** The fields whose texts have several lines. */
const OF_LINES = new Set(['stack', 'output', 'message']);
const CONTROLS = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const inertText = (text: string, hasLines: boolean): string => (hasLines ? text : text.replaceAll('\n', ' ')).replace(CONTROLS, '�');
