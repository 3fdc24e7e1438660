/** What was looked at and how it is. `warn`: it works, and not as one might think; `fail`: it does not. `check` is a word for programs. */
export type Finding = { check: string; level: 'ok' | 'warn' | 'fail'; what: string };

/** A finding of a check that has its word from the list it stands in. */
export type Answer = Omit<Finding, 'check'>;

export const ok = (what: string): Answer => ({ level: 'ok', what });
export const warn = (what: string): Answer => ({ level: 'warn', what });
export const fail = (what: string): Answer => ({ level: 'fail', what });

/** One thing to look at. No answer: there is nothing to say. What it throws is a failure of its own. */
export type Check = [check: string, look: () => Answer | Answer[] | undefined | Promise<Answer | Answer[] | undefined>];
