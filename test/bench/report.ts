import type { Figures } from './scenario.ts';

/** One measurement of one contender, or of a floor. `renames` a second of the bare calibration loop just before it. */
export type Measurement = { scenario: string; contender: string; family: string; rep: number; figures: Figures; renames: number };

/** All that a run found out; what `--json` writes. */
export type Report = {
  made: string;
  machine: { cpu: string; cores: number; memoryGb: number; kernel: string; node: string };
  disk: string;
  command: string;
  /** The name of each participant with its settings and its version. */
  contenders: { name: string; settings: string; version: string }[];
  scenarios: { name: string; title: string; main: string; jobs: number }[];
  measurements: Measurement[];
  /** Contenders that were not there, and measurements that went wrong; a sentence each. */
  skipped: string[];
  errors: string[];
};
