import { timeOf } from './filename.ts';

/**
 * Which of two jobs runs first, by their canonical file names: higher priority, then earlier run-at, then smaller id
 * (by code unit). Negative when `a` runs first. Compares text only: a backlog of a million is ordered without parsing.
 */
export function compareJobs(a: string, b: string): number {
  const aTen = a.charCodeAt(2) === ZERO;
  const bTen = b.charCodeAt(2) === ZERO;
  if (aTen !== bTen) return aTen ? -1 : 1;
  const byPriority = b.charCodeAt(1) - a.charCodeAt(1);
  return byPriority !== 0 ? byPriority : compareRunAtAndId(a, b);
}

/** Which of two jobs is due first: run-at, then the order in which they run. */
export function compareDue(a: string, b: string): number {
  const aStamp = stampOf(a);
  const bStamp = stampOf(b);
  if (aStamp !== bStamp) return aStamp < bStamp ? -1 : 1;
  return compareJobs(a, b);
}

/** The run-at of a canonical name, in milliseconds since the epoch. */
export function runAtOf(name: string): number {
  return timeOf(name, stampAt(name)) as number;
}

/** The id of a canonical name; of a part of a batch with its lines, `<id>@<from>-<to>`. */
export function idOf(name: string): string {
  return name.slice(name.charCodeAt(2) === ZERO ? 25 : 24, -endingOf(name));
}

const ZERO = '0'.charCodeAt(0);
const STAMP_LENGTH = '20261122T101500.123Z'.length;
const stampAt = (name: string): number => (name.charCodeAt(2) === ZERO ? 'p10-' : 'p5-').length;

function stampOf(name: string): string {
  const start = stampAt(name);
  return name.slice(start, start + STAMP_LENGTH);
}

// The ending goes before comparing: with it, id "a.b" would come before id "a". So do the lines of a part: as text, 10000 would come before 2.
function compareRunAtAndId(a: string, b: string): number {
  const left = a.slice(0, -endingOf(a));
  const right = b.slice(0, -endingOf(b));
  if (left === right) return 0;
  const [leftLines, rightLines] = [linesAt(a, left), linesAt(b, right)];
  return leftLines + rightLines === 0 ? byText(left, right) : compareParts(left, leftLines, right, rightLines);
}

function compareParts(left: string, leftLines: number, right: string, rightLines: number): number {
  const byId = byText(leftLines > 0 ? left.slice(0, leftLines) : left, rightLines > 0 ? right.slice(0, rightLines) : right);
  if (byId !== 0) return byId;
  if (leftLines === 0 || rightLines === 0) return leftLines - rightLines;
  return Number.parseInt(left.slice(leftLines + 1), 10) - Number.parseInt(right.slice(rightLines + 1), 10) || byText(left, right);
}

const byText = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);

// Where the lines of a part begin in its name; 0 for any other.
const linesAt = (name: string, stem: string): number => (name.charCodeAt(name.length - BEFORE_SON) === D ? stem.lastIndexOf('@') : 0);

// `.json` or, of a part of a batch, `.ndjson`.
const endingOf = (name: string): number => (name.charCodeAt(name.length - BEFORE_SON) === D ? '.ndjson'.length : '.json'.length);
const BEFORE_SON = 'json'.length + 1;
const D = 'd'.charCodeAt(0);
