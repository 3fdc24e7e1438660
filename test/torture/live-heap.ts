/** How much of a process's JavaScript heap is in use, asked of its inspector. */
import { once } from 'node:events';

/** What node prints when it was started with `--inspect`. */
const LISTENING = /Debugger listening on (ws:\/\/\S+)/g;
const ANSWER_MS = 20_000;

/** The address of the inspector of the process that printed `output`, the last of several. */
export const inspectorIn = (output: string): string | undefined => [...output.matchAll(LISTENING)].at(-1)?.[1];

/**
 * Bytes in use in the main thread's heap after a collection. Whatever a process holds besides is garbage that V8 has had no reason to collect:
 * left alone it lets a heap of 16 MB become 200 before it does. Throws when the process does not answer.
 */
export async function liveHeap(address: string): Promise<number> {
  const socket = new WebSocket(address);
  const deadline = AbortSignal.timeout(ANSWER_MS);
  try {
    await once(socket, 'open', { signal: deadline });
    let last = 0;
    const ask = async (method: string): Promise<Record<string, number>> => {
      last += 1;
      const id = last;
      socket.send(JSON.stringify({ id, method }));
      for (;;) {
        const [{ data }] = (await once(socket, 'message', { signal: deadline })) as [{ data: string }];
        const answer = JSON.parse(data) as { id?: number; result?: Record<string, number> };
        if (answer.id === id) return answer.result ?? {};
      }
    };
    // Twice: what a finalizer lets go of, the second takes.
    await ask('HeapProfiler.collectGarbage');
    await ask('HeapProfiler.collectGarbage');
    return (await ask('Runtime.getHeapUsage')).usedSize as number;
  } finally {
    socket.close();
  }
}
