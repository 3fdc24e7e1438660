/** Writes `request.schema.json` beside this file, from the schema that requests are checked with. Run it after a change of that. */
import path from 'node:path';
import { disk } from './disk.ts';
import { requestJsonSchema } from './request.ts';

disk.overwrite(path.join(import.meta.dirname, 'request.schema.json'), `${JSON.stringify(requestJsonSchema(), null, 2)}\n`);
