/** A line on standard error that is written over and over; nothing at all where that is no terminal. */
export type ProgressLine = { show(text: string): void; clear(): void };

export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  let shown = '';
  return {
    show(text) {
      const line = text.slice(0, (stream.columns || 80) - 1);
      if (line === shown) return;
      stream.write(`${CLEAR}${line}`);
      shown = line;
    },
    /** Makes room for other output, and for the prompt at the end. */
    clear() {
      if (shown !== '') stream.write(CLEAR);
      shown = '';
    },
  };
}

const CLEAR = '\r\u001b[K';
