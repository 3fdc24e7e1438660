/** The first signal that asks this process to stop, and the second, which means at once. */
export function firstAndSecondSignal(): { first: Promise<NodeJS.Signals>; second: Promise<void> } {
  let resolveFirst: (signal: NodeJS.Signals) => void;
  let resolveSecond: () => void;
  const first = new Promise<NodeJS.Signals>((resolve) => {
    resolveFirst = resolve;
  });
  const second = new Promise<void>((resolve) => {
    resolveSecond = resolve;
  });
  let count = 0;
  const note = (signal: NodeJS.Signals) => {
    count += 1;
    if (count === 1) resolveFirst(signal);
    else resolveSecond();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, note);
  return { first, second };
}
