/** Where a job may be at the end. */
export type End = 'completed' | 'failed' | 'cancelled' | 'rejected';

/** A kind of job: how it is asked for, and which ends it may have. Data only: producers in other languages read it as JSON. */
export type Kind = {
  name: string;
  weight: number;
  class: 'Work' | 'Tool';
  method: string;
  /** The second parameter: a whole number in this range; with `argIsTime`, so many milliseconds from now, as epoch milliseconds. */
  arg?: readonly [from: number, to: number];
  argIsTime?: true;
  policy?: { retries?: number; timeout?: string };
  delayMs?: readonly [from: number, to: number];
  /** Its producer touches `cancel/<id>` so long after. */
  cancelAfterMs?: readonly [from: number, to: number];
  /** Two requests with one id, under two names. */
  twin?: true;
  /** It comes as a line of a batch, never alone: from the helper as one of 120, or in a file that is dropped, which `cancelAfterMs` then cancels whole. */
  inBatches?: 'helper' | 'file' | 'cancelled file';
  /** Besides `failed` after three crashes of its runner, which any kind may meet. */
  ends: readonly End[];
};

export const KINDS: readonly Kind[] = [
  { name: 'noop', weight: 30, class: 'Work', method: 'noop', ends: ['completed'] },
  { name: 'wait', weight: 22, class: 'Work', method: 'wait', arg: [1, 50], ends: ['completed'] },
  { name: 'spin', weight: 8, class: 'Work', method: 'spin', arg: [1, 40], ends: ['completed'] },
  { name: 'long', weight: 3, class: 'Work', method: 'wait', arg: [300, 2_500], ends: ['completed'] },
  { name: 'child', weight: 2, class: 'Work', method: 'child', arg: [10, 200], ends: ['completed'] },
  { name: 'print', weight: 4, class: 'Work', method: 'print', arg: [1, 60], ends: ['completed'] },
  { name: 'retry', weight: 4, class: 'Work', method: 'failUntil', arg: [1, 3], policy: { retries: 8 }, ends: ['completed'] },
  { name: 'doomed', weight: 2, class: 'Work', method: 'fail', policy: { retries: 1 }, ends: ['failed'] },
  { name: 'permanent', weight: 1, class: 'Work', method: 'permanent', ends: ['failed'] },
  { name: 'snooze', weight: 2, class: 'Work', method: 'snooze', arg: [100, 1_500], argIsTime: true, ends: ['completed'] },
  { name: 'late', weight: 1, class: 'Work', method: 'hang', policy: { retries: 0, timeout: '300ms' }, ends: ['failed'] },
  {
    name: 'deaf',
    weight: 0.4,
    class: 'Work',
    method: 'spin',
    arg: [60_000, 60_000],
    policy: { retries: 0, timeout: '300ms' },
    ends: ['failed'],
  },
  { name: 'fresh', weight: 0.5, class: 'Work', method: 'fresh', ends: ['completed'] },
  { name: 'suicide', weight: 0.5, class: 'Work', method: 'suicide', policy: { retries: 5 }, ends: ['completed'] },
  { name: 'beside', weight: 16, class: 'Work', method: 'beside', arg: [1, 150], ends: ['completed'] },
  {
    name: 'besidecancelled',
    weight: 1,
    class: 'Work',
    method: 'beside',
    arg: [60_000, 60_000],
    cancelAfterMs: [100, 1_500],
    ends: ['cancelled', 'completed'],
  },
  {
    name: 'besidelate',
    weight: 1,
    class: 'Work',
    method: 'beside',
    arg: [60_000, 60_000],
    policy: { retries: 0, timeout: '300ms' },
    ends: ['failed'],
  },
  {
    name: 'besidedeaf',
    weight: 0.2,
    class: 'Work',
    method: 'beside',
    arg: [-60_000, -60_000],
    policy: { retries: 0, timeout: '300ms' },
    ends: ['failed'],
  },
  { name: 'delayed', weight: 6, class: 'Work', method: 'noop', delayMs: [500, 4_000], ends: ['completed'] },
  {
    name: 'cancelwaiting',
    weight: 2,
    class: 'Work',
    method: 'noop',
    delayMs: [3_600_000, 7_200_000],
    cancelAfterMs: [0, 400],
    ends: ['cancelled'],
  },
  { name: 'cancelrunning', weight: 1.5, class: 'Work', method: 'hang', cancelAfterMs: [100, 1_500], ends: ['cancelled', 'completed'] },
  { name: 'cancelrace', weight: 2, class: 'Work', method: 'wait', arg: [1, 30], cancelAfterMs: [0, 30], ends: ['cancelled', 'completed'] },
  { name: 'tool', weight: 2, class: 'Tool', method: 'done', ends: ['completed'] },
  { name: 'toolfails', weight: 0.7, class: 'Tool', method: 'fail', policy: { retries: 0 }, ends: ['failed'] },
  { name: 'toollater', weight: 0.7, class: 'Tool', method: 'later', arg: [100, 1_000], argIsTime: true, ends: ['completed'] },
  { name: 'twin', weight: 2, class: 'Work', method: 'wait', arg: [1, 300], twin: true, ends: ['completed', 'rejected'] },
  { name: 'manynoop', weight: 60, class: 'Work', method: 'noop', inBatches: 'helper', ends: ['completed'] },
  { name: 'manywait', weight: 20, class: 'Work', method: 'wait', arg: [1, 10], inBatches: 'helper', ends: ['completed'] },
  { name: 'manylong', weight: 1, class: 'Work', method: 'wait', arg: [300, 1_500], inBatches: 'helper', ends: ['completed'] },
  { name: 'manydoomed', weight: 3, class: 'Work', method: 'fail', policy: { retries: 1 }, inBatches: 'helper', ends: ['failed'] },
  { name: 'manybeside', weight: 3, class: 'Work', method: 'beside', arg: [1, 30], inBatches: 'helper', ends: ['completed'] },
  { name: 'linenoop', weight: 30, class: 'Work', method: 'noop', inBatches: 'file', ends: ['completed'] },
  { name: 'linespin', weight: 6, class: 'Work', method: 'spin', arg: [1, 400], inBatches: 'file', ends: ['completed'] },
  {
    name: 'lineretry',
    weight: 3,
    class: 'Work',
    method: 'failUntil',
    arg: [1, 2],
    policy: { retries: 8 },
    inBatches: 'file',
    ends: ['completed'],
  },
  {
    name: 'linesnooze',
    weight: 2,
    class: 'Work',
    method: 'snooze',
    arg: [100, 1_500],
    argIsTime: true,
    inBatches: 'file',
    ends: ['completed'],
  },
  {
    name: 'linelate',
    weight: 0.5,
    class: 'Work',
    method: 'hang',
    policy: { retries: 0, timeout: '300ms' },
    inBatches: 'file',
    ends: ['failed'],
  },
  {
    name: 'linecancelled',
    weight: 1,
    class: 'Work',
    method: 'wait',
    arg: [1, 200],
    cancelAfterMs: [0, 400],
    inBatches: 'cancelled file',
    ends: ['cancelled', 'completed'],
  },
];

/** The kind that a job's key names: keys are `<kind>.<producer>.<number>`. */
export const kindOf = (key: string): Kind | undefined => KINDS.find(({ name }) => name === key.slice(0, key.indexOf('.')));
