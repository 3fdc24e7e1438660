/** Does an act in a spool that is ready for it, and kills itself before call number `at`: `killed-at-call.ts <act> <spool> <at> <lines>`. */
import { Ledger } from '../../spool/ledger.ts';
import { openSpool } from '../../spool/spool.ts';
import { ACTS, type World } from './acts.ts';
import { withBreak } from './breaking-calls.ts';

const [name, dir = '', at, lines = ''] = process.argv.slice(2);
const act = ACTS.find((one) => one.name === name);
if (!act) throw new Error(`expected the name of an act, got ${name}`);
const world: World = { spool: openSpool(dir, { durability: act.durability }), acknowledged: new Set(), expendable: new Set() };
if (lines) world.recording = { ledger: new Ledger(world.spool, 'host-1'), lines: JSON.parse(lines), gaveUp: false };
await withBreak(() => act.act(world), { kind: 'kill', at: Number(at) });
