import type { Scenario } from '../scenario.ts';
import { scenarios as batches } from './batches.ts';
import { scenarios as commands } from './commands.ts';
import { scenarios as delayed } from './delayed.ts';
import { scenarios as drain } from './drain.ts';
import { scenarios as failing } from './failing.ts';
import { scenarios as flow } from './flow.ts';
import { scenarios as idle } from './idle.ts';
import { scenarios as own } from './own.ts';
import { scenarios as waiting } from './waiting.ts';

/** Every scenario, in the order in which they are measured. */
export const all: Scenario[] = [...drain, ...flow, ...idle, ...delayed, ...failing, ...batches, ...waiting, ...commands, ...own];
