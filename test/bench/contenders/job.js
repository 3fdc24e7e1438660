// One job of a runner that starts a process for each: it notes that it ran, and is done.
import fs from 'node:fs';

const [number, workMs] = process.argv.slice(2).map(Number);
const record = Buffer.alloc(16);
record.writeDoubleLE(Number(process.hrtime.bigint()) / 1e6, 0);
record.writeDoubleLE(number, 8);
fs.appendFileSync(`${process.env.BENCH_TALLY}/node`, record);
if (workMs > 0) setTimeout(() => {}, workMs);
