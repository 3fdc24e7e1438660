import os from 'node:os';
import { readConfig } from './config.ts';
import { runService } from './serve.ts';
await runService(readConfig(process.env, os.availableParallelism()), 'serve', (lines) => console.log(lines.join('\n')));
