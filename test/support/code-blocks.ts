import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** The code blocks of a page of the documentation, those that are indented by four spaces, so that what a test runs is what a reader copies. */
export function codeBlocks(page: string): string[] {
  const blocks: string[] = [];
  let lines: string[] | undefined;
  for (const line of fs.readFileSync(path.join(ROOT, page), 'utf8').split('\n')) {
    if (line.startsWith('    ')) {
      lines ??= [];
      lines.push(line.slice(4));
    } else if (lines) {
      blocks.push(lines.join('\n'));
      lines = undefined;
    }
  }
  return lines ? [...blocks, lines.join('\n')] : blocks;
}
