import fs from 'node:fs';
import path from 'node:path';

/** The cases in a file of this folder. */
export const readCases = <Case>(file: string): Case[] =>
  JSON.parse(fs.readFileSync(path.join(import.meta.dirname, file), 'utf8')) as Case[];
