/** A process that writes to daily files at agreed moments: `<spool> <who> <rounds> <first moment> <lines>`. Rounds are 25 ms apart. */
import path from 'node:path';
import { DailyFile } from '../../jobs/daily-file.ts';
import { openSpool } from '../../spool/spool.ts';

const [dir = '', who = '', rounds = '0', first = '0', lines = '0'] = process.argv.slice(2);
const spool = openSpool(dir, { durability: 'none' });

for (let round = 0; round < Number(rounds); round++) {
  const file = new DailyFile(spool, path.join(spool.logs, `round${round}.log`));
  const start = Number(first) + round * 25;
  while (Date.now() < start); // all writers at the same moment
  for (let line = 0; line < Number(lines); line++) file.write(`${who} ${line}\n`);
  file.close();
}
