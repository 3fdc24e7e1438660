/** `npm run bench`: measures Jobspool and its peers on this machine in one run. */
import { bench, list } from './bench.ts';
import { readOptions, USAGE } from './options.ts';

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(USAGE);
else if (options.list) list();
else await bench(options);
