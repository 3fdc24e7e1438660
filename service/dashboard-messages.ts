/** What the main thread and the dashboard's thread say to each other. */

/** From the dashboard's thread. */
export type FromDashboard =
  | { kind: 'ready'; port: number }
  /** It cannot begin, for a reason that a person has to change. */
  | { kind: 'failed'; message: string }
  | { kind: 'lines'; lines: string }
  /** Asks why work would not be taken now. */
  | { kind: 'ask'; number: number };

/** To the dashboard's thread. */
export type ToDashboard = { kind: 'reasons'; number: number; reasons: string[] } | { kind: 'close' };
