import type { Known } from './known.ts';
import type { Handler } from './ledger-rows.ts';

/** The class and method names of jobs that are known. Of rejected requests none: they may be anything. */
export function handlersOf({ ledger, over, waiting }: Known): Handler[] {
  const methods = new Map<string, Set<string>>();
  const note = ({ class: className, method }: Handler) => {
    const known = methods.get(className);
    if (known) known.add(method);
    else if (className !== '') methods.set(className, new Set([method]));
  };
  ledger.handlers.forEach(note);
  for (const { folder, fact } of over.items) if (fact && folder !== 'rejected') note(fact);
  for (const handler of waiting.handlers) note(handler);
  for (const folder of [waiting.folders.pending, waiting.folders.retrying]) for (const { fact } of folder.entries()) if (fact) note(fact);
  return [...methods].flatMap(([className, names]) => [...names].map((method) => ({ class: className, method })));
}
