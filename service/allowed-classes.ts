import { z } from 'zod';
import type { AllowlistEntry, AllowlistShape, MethodPolicy } from '../jobs/define-allowlist.ts';
import type { AllowedClass } from '../ui/dashboard.ts';

/** The allow-list as it is shown to people and programs: plain data. */
export function allowedClasses(classes: AllowlistShape): AllowedClass[] {
  return Object.entries(classes).map(([name, entry]) => ({
    class: name,
    runs: runsWhat(entry),
    methods: Object.entries(entry.methods).map(([method, { params, ...policy }]) => ({
      method,
      // The class says who may submit its methods, where they do not.
      policy: entry.submitters === undefined ? policy : { submitters: entry.submitters, ...policy },
      params: schemaOf(params),
    })),
  }));
}

const runsWhat = (entry: AllowlistEntry): string => ('command' in entry ? entry.command.join(' ') : entry.module);

// What JSON Schema has no words for (a refinement, a date) is left out of it. The list itself still checks by all of it.
function schemaOf(params: MethodPolicy['params']): object | undefined {
  if (params === undefined || !('_zod' in params)) return params;
  try {
    return z.toJSONSchema(params as z.ZodType, { io: 'input', unrepresentable: 'any' });
  } catch {
    return undefined;
  }
}
