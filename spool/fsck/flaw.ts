/** What each kind of flaw is, in the words that `--json` says for good. */
export type FlawKind =
  | 'version'
  | 'missing-folder'
  | 'not-a-folder'
  | 'other-file-system'
  | 'folder-mode'
  | 'unreadable'
  | 'foreign-file'
  | 'foreign-folder'
  | 'not-a-file'
  | 'misnamed'
  | 'spoilt'
  | 'future'
  | 'old-draft'
  | 'ignored-name'
  | 'left-behind'
  | 'bound-file'
  | 'dead-slot'
  | 'orphan-slot-file'
  | 'holder-unreadable'
  | 'slot-stranger'
  | 'twin'
  | 'overlap'
  | 'already-completed'
  | 'two-outcomes'
  | 'recorded-twice'
  | 'torn-line'
  | 'foreign-line'
  | 'reason-without-file'
  | 'file-without-reason'
  | 'marker-for-nothing'
  | 'orphan-log'
  | 'vanished'
  | 'unrecorded';

/** Something that is not as it should be, in a sentence. `wrong`: a job or its record is affected; `note`: nothing is. */
export type Flaw = {
  kind: FlawKind;
  level: 'wrong' | 'note';
  /** Relative to the spool. */
  file: string;
  /** Of a ledger file; the first is 1. */
  line?: number;
  /** The job that it is about. */
  id?: string;
  what: string;
  repair?: Repair;
};

/** Puts a flaw right without a decision that a person should take. No repair deletes a job. */
export type Repair = {
  /** What was done, once it is. */
  how: string;
  /** False when the flaw is gone, or not as it was seen: nothing is done then. */
  act(): boolean;
};

export const wrong = (kind: FlawKind, file: string, what: string, more: Partial<Flaw> = {}): Flaw => ({
  kind,
  level: 'wrong',
  file,
  what,
  ...more,
});

export const note = (kind: FlawKind, file: string, what: string, more: Partial<Flaw> = {}): Flaw => ({
  ...wrong(kind, file, what, more),
  level: 'note',
});

/** The flaws of the second look that the first had too: what is on its way between two folders is no flaw. */
export function lasting(first: readonly Flaw[], second: readonly Flaw[]): Flaw[] {
  const seen = new Set(first.map(({ what }) => what));
  return second.filter(({ what }) => seen.has(what));
}
