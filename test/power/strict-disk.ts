/**
 * What a power cut may leave of a recording, on a disk as strict as a program may meet. Certain is only what was synced: a file's content by
 * a sync of the file, the names in a folder by a sync of that folder (not the folder's own name: that takes a sync of the one above). All else
 * may be there or not, each thing by itself, with two limits that every journalling file system keeps: a rename is one step, and changes of
 * one file, or of one name, happen in their order. ext4 and XFS keep all names in one order, so they leave less than is tried here; btrfs
 * and F2FS do not (Pillai et al., All File Systems Are Not Created Equal, OSDI 2014, table 1; Mohan et al., CrashMonkey, OSDI 2018).
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Entry, Happening, Recording } from './recorder.ts';

/** What may be left: where each file is and what it holds, below the watched folder. Folders have no content. */
export type World = Map<string, { bytes: Buffer | undefined; mtimeMs: number }>;

type NameChange = Happening & { kind: 'names' };
type Content = { bytes: Buffer; mtimeMs: number };
/** A file's content after a write, which was happening number `index`. */
type Version = Content & { index: number; unsynced: boolean };

/** How unsynced content came out. */
const FATES = ['kept', 'lost', 'torn', 'zeros'] as const;
type Fate = (typeof FATES)[number];

/** Up to how many unsynced changes of names all combinations are tried; of more, only none, all, each alone, and all but each. */
export type Depth = { combine: number };

/** The worlds that a cut after the first `count` happenings may leave. */
export function* worldsAfter({ happenings, folders }: Recording, count: number, { combine }: Depth): Generator<World> {
  const past = happenings.slice(0, count);
  const changes = past.flatMap((happening, index) => (happening.kind === 'names' ? [{ ...happening, index }] : []));
  const before = dependencies(changes);
  const certain = closed(certainChanges(past, changes), before);
  const open = changes.map((_, index) => index).filter((index) => !certain.has(index));
  const files = contents(past);
  const unsure = [...files.keys()].filter((node) => files.get(node)?.some((content) => content.unsynced));
  for (const survivors of survivals(open, before, combine)) {
    const names = namesOf(changes.filter((_, index) => certain.has(index) || survivors.has(index)));
    for (const fates of fatesOf(unsure)) yield build(names, folders, (node) => contentOf(files.get(node) ?? [], fates.get(node) ?? 'kept'));
  }
}

/** Puts a world on a real disk, in an empty folder. */
export function materialize(world: World, root: string): void {
  for (const [file, { bytes, mtimeMs }] of world) {
    const target = path.join(root, file);
    if (bytes === undefined) fs.mkdirSync(target, { recursive: true });
    else {
      fs.writeFileSync(target, bytes);
      fs.utimesSync(target, mtimeMs / 1_000, mtimeMs / 1_000);
    }
  }
}

/** A text that is the same for worlds that are. */
export const fingerprint = (world: World): string =>
  [...world].map(([file, { bytes }]) => `${file}\0${bytes?.toString('base64') ?? '/'}`).join('\n');

/** For each change, the earlier ones that it cannot survive without. */
function dependencies(changes: NameChange[]): number[][] {
  const last = new Map<string, number>();
  return changes.map(({ call, removed, added }, index) => {
    const touched = [...[...removed, ...added].map(keyOf), ...added.map(({ node }) => `node ${node}`)];
    // What a rename takes away or replaces is a change of that file too.
    const nodes = [...removed, ...added].flatMap((entry) => nodeAt(changes, index, entry) ?? []).map((node) => `node ${node}`);
    const keys = new Set([...touched, ...nodes]);
    const found = [...keys].flatMap((key) => last.get(key) ?? []);
    for (const key of keys) last.set(key, index);
    return [...new Set([...found, ...(call === 'rmdir' ? insideBefore(changes, index) : [])])];
  });
}

// Only an empty folder can be removed: what emptied it came before.
function insideBefore(changes: NameChange[], index: number): number[] {
  const [entry] = changes[index]?.removed ?? [];
  const folder = entry && nodeAt(changes, index, entry);
  const touches = ({ removed, added }: NameChange) => [...removed, ...added].some((other) => other.folder === folder);
  return changes.flatMap((change, earlier) => (earlier < index && touches(change) ? [earlier] : []));
}

function nodeAt(changes: NameChange[], until: number, entry: Entry): number | undefined {
  for (let index = until - 1; index >= 0; index--) {
    const { added, removed } = changes[index] as NameChange;
    const given = added.find((other) => keyOf(other) === keyOf(entry));
    if (given) return given.node;
    if (removed.some((other) => keyOf(other) === keyOf(entry))) return undefined;
  }
  return undefined;
}

const keyOf = ({ folder, name }: Entry): string => `${folder}/${name}`;

function certainChanges(past: Happening[], changes: (NameChange & { index: number })[]): Set<number> {
  const certain = new Set<number>();
  for (const happening of past) {
    if (happening.kind !== 'sync-folder') continue;
    for (const [number, { index, removed, added }] of changes.entries()) {
      if (index < happening.since && [...removed, ...added].some(({ folder }) => folder === happening.node)) certain.add(number);
    }
  }
  return certain;
}

function closed(wanted: Iterable<number>, before: number[][]): Set<number> {
  const all = new Set<number>();
  const add = (index: number): void => {
    if (all.has(index)) return;
    all.add(index);
    for (const earlier of before[index] ?? []) add(earlier);
  };
  for (const index of wanted) add(index);
  return all;
}

function* survivals(open: number[], before: number[][], combine: number): Generator<Set<number>> {
  if (open.length <= combine) return yield* combinations(open, before);
  yield new Set();
  yield new Set(open);
  for (const alone of open) yield closed([alone], before);
  for (const lost of open) yield new Set(open.filter((index) => !closed([index], before).has(lost)));
}

function* combinations(open: number[], before: number[][]): Generator<Set<number>> {
  const isOpen = new Set(open);
  for (let bits = 0; bits < 2 ** open.length; bits++) {
    const chosen = new Set(open.filter((_, position) => bits & (1 << position)));
    const isClosed = [...chosen].every((index) => (before[index] ?? []).every((earlier) => !isOpen.has(earlier) || chosen.has(earlier)));
    if (isClosed) yield chosen;
  }
}

function namesOf(changes: NameChange[]): Map<string, number> {
  const names = new Map<string, number>();
  for (const { removed, added } of changes) {
    for (const entry of removed) names.delete(keyOf(entry));
    for (const entry of added) names.set(keyOf(entry), entry.node);
  }
  return names;
}

function contents(past: Happening[]): Map<number, Version[]> {
  const files = new Map<number, Version[]>();
  for (const [index, happening] of past.entries()) {
    if (happening.kind === 'content') {
      const earlier = files.get(happening.node) ?? [];
      files.set(happening.node, [...earlier, { index, bytes: happening.bytes, mtimeMs: happening.mtimeMs, unsynced: true }]);
    }
    if (happening.kind === 'sync-file') {
      const versions = files.get(happening.node) ?? [];
      const synced = versions.findLast((version) => version.index < happening.since);
      const later = versions.filter((version) => version.index >= happening.since);
      if (synced) files.set(happening.node, [{ ...synced, unsynced: false }, ...later]);
    }
  }
  return files;
}

function contentOf(versions: Version[], fate: Fate): Content {
  const latest = versions.at(-1) ?? { bytes: Buffer.alloc(0), mtimeMs: 0 };
  const synced = versions.find(({ unsynced }) => !unsynced)?.bytes ?? Buffer.alloc(0);
  if (fate === 'kept') return latest;
  if (fate === 'lost') return { ...latest, bytes: synced };
  const from = Math.min(synced.length, latest.bytes.length);
  const half = from + Math.floor((latest.bytes.length - from) / 2);
  if (fate === 'torn') return { ...latest, bytes: latest.bytes.subarray(0, half) };
  return { ...latest, bytes: Buffer.concat([latest.bytes.subarray(0, from), Buffer.alloc(latest.bytes.length - from)]) };
}

function* fatesOf(unsure: number[]): Generator<Map<number, Fate>> {
  const fates = unsure.length === 0 ? FATES.slice(0, 1) : FATES;
  for (const fate of fates) yield new Map(unsure.map((node) => [node, fate]));
}

function build(names: Map<string, number>, folders: ReadonlySet<number>, content: (node: number) => Content): World {
  const world: World = new Map();
  const walk = (folder: number, above: string): void => {
    const inside = [...names].filter(([key]) => key.startsWith(`${folder}/`));
    for (const [key, node] of inside.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const file = `${above}${key.slice(key.indexOf('/') + 1)}`;
      world.set(file, folders.has(node) ? { bytes: undefined, mtimeMs: 0 } : content(node));
      if (folders.has(node)) walk(node, `${file}/`);
    }
  };
  walk(0, '');
  return world;
}
