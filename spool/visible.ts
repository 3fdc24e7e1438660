/**
 * Text from outside as part of a sentence: on one line, and whatever a terminal would obey, or an eye not see, written as its number.
 * Longer text than `max` characters is cut.
 */
export function visible(text: string, max = Number.POSITIVE_INFINITY): string {
  const short = text.length > max ? `${text.slice(0, max)}…` : text;
  return short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  const code = (character.codePointAt(0) as number).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
