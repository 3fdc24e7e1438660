/** Text from outside as it may stand in a log line: one line, without characters that move the cursor or turn the text, cut to `max`. */
export function inert(text: string, max: number): string {
  const short = text.length > max ? `${text.slice(0, max)}…` : text;
  return short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '�');
}
