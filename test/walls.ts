/**
 * The walls of the house: which folder may import which, and which modules alone may touch the disk or start processes. Run as a
 * program it checks the project and exits with 1 when a wall is breached, a sentence for each.
 */
import fs from 'node:fs';
import path from 'node:path';

/** What each folder may import beside itself and packages. `docker` and `test` are nobody's foundation. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  spool: [],
  jobs: ['spool'],
  ui: ['spool'],
  service: ['spool', 'jobs', 'ui'],
};

/** Modules of Node that are behind a wall, and the files that are its doors. */
const GUARDED: { module: RegExp; what: string; doors: readonly string[] }[] = [
  {
    module: /^(node:)?fs(\/promises)?$/,
    what: 'the disk',
    // The conformance kit judges what others, and we, do to a spool: it must not look through our own glasses.
    doors: ['spool/disk.ts', 'spool/platform.ts', 'jobs/examples/', 'spool/conformance/'],
  },
  {
    module: /^(node:)?child_process$/,
    what: 'child processes',
    doors: [
      'service/runner-process.ts',
      'jobs/command.ts',
      'jobs/warm-command.ts',
      'spool/platform.ts',
      'jobs/examples/',
      'spool/conformance/',
    ],
  },
];

/** The sentences that say which walls the source `file` (relative to the project, with `/`) breaches. */
export function breaches(file: string, source: string): string[] {
  return importsOf(source).flatMap((specifier) => breach(file, specifier) ?? []);
}

/** Every breach in the sources below `root`. */
export function allBreaches(root: string): string[] {
  return Object.keys(MAY_IMPORT).flatMap((folder) =>
    sourcesIn(root, folder).flatMap((file) => breaches(file, fs.readFileSync(path.join(root, file), 'utf8'))),
  );
}

function breach(file: string, specifier: string): string | undefined {
  const guard = GUARDED.find(({ module }) => module.test(specifier));
  if (guard) {
    const isDoor = guard.doors.some((door) => file === door || (door.endsWith('/') && file.startsWith(door)));
    return isDoor ? undefined : `${file} imports "${specifier}": only ${guard.doors.join(', ')} may touch ${guard.what}`;
  }
  if (!specifier.startsWith('.')) return undefined;
  const [from = ''] = file.split('/');
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const [to = ''] = target.split('/');
  if (to === from || MAY_IMPORT[from]?.includes(to)) return undefined;
  const allowed = MAY_IMPORT[from]?.join(', ') || 'nothing but itself';
  return `${file} imports "${specifier}": ${from}/ may import ${allowed}, not ${to}/`;
}

// Good enough for sources that a formatter has been over: static imports and exports, side-effect imports, and import("…").
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"]+)\1/g;

function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(IMPORT)].map((match) => match[2] as string);
}

function sourcesIn(root: string, folder: string): string[] {
  if (!fs.existsSync(path.join(root, folder))) return [];
  const files = fs.readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  return files.filter((file) => /\.[cm]?[jt]s$/.test(file)).map((file) => `${folder}/${file.replaceAll(path.sep, '/')}`);
}

if (import.meta.main) {
  const found = allBreaches(path.resolve(import.meta.dirname, '..'));
  for (const sentence of found) console.error(sentence);
  process.exitCode = found.length > 0 ? 1 : 0;
}
