import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** The code blocks of a page of the documentation, or of one of its sections, in order: what a test runs is what a reader copies. */
export function codeBlocks(page: string, section?: string): string[] {
  return [...textOf(page, section).matchAll(BLOCK)].map(([, fenced, indented = '']) => fenced ?? indented.replace(/^ {4}/gm, '').trimEnd());
}

/** A block is fenced, or indented by four spaces. */
const BLOCK = /^```.*\n([\s\S]*?)\n```$|((?:^ {4}.*\n?)+)/gm;

function textOf(page: string, section: string | undefined): string {
  const text = fs.readFileSync(path.join(ROOT, page), 'utf8');
  if (section === undefined) return text;
  const found = text.split(/^(?=## )/m).find((one) => one.startsWith(`## ${section}\n`));
  if (found === undefined) throw new Error(`read ${page}: expected a section "${section}", found none`);
  return found;
}
