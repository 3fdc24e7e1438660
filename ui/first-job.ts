import { quoted } from '../spool/by-hand.ts';
import type { AllowedClass } from './dashboard.ts';
import { exampleParams } from './example-params.ts';

/** How the first job is enqueued: as a file by a shell, by the command line, and by a program. */
export type FirstJob = { class: string; method: string; shell: string; command: string; program: string };

/** A job to try, of those that are allowed here; undefined when nothing is. `root` is the spool's folder. */
export function firstJob(allowlist: readonly AllowedClass[], root: string): FirstJob | undefined {
  const choices = allowlist.flatMap(({ class: name, methods }) => methods.map((method) => ({ class: name, ...method })));
  const chosen = choices.find((choice) => choice.class === 'ExampleJob') ?? choices[0];
  if (!chosen) return undefined;
  const params = exampleParams(chosen.params);
  const words = [chosen.class, chosen.method, params].map((part) => JSON.stringify(part)).join(', ');
  const body = JSON.stringify({ class: chosen.class, method: chosen.method, params });
  return {
    class: chosen.class,
    method: chosen.method,
    shell: `cd ${quoted(root)}\nprintf '%s' ${quoted(body)} > tmp/first.json\nmv tmp/first.json incoming/p5-now-first.json`,
    command: `jobspool run ${quoted(chosen.class)} ${quoted(chosen.method)} --params ${quoted(JSON.stringify(params))}`,
    program: `import { runBackgroundJob } from 'jobspool'\n\nconst id = await runBackgroundJob(${words}, { dir: ${JSON.stringify(root)} })`,
  };
}
