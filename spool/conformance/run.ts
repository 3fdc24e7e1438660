/**
 * The conformance kit: does a producer, or a service that runs the jobs of a spool, keep to spool/README.md? Prints a line for each case, and ends with 1 when one
 * is not kept, with 2 when it was asked wrongly.
 */
import { type ConsumerCase, checkConsumer } from './consumer.ts';
import { checkProducer, NEEDS, type ProducerCase } from './producer.ts';
import { readCases } from './read-cases.ts';
import { Verdict } from './verdict.ts';

const USAGE = `usage: run.ts producer [--only TEXT] [--without ${NEEDS.join(',')}] -- COMMAND…
       run.ts consumer [--only TEXT] [--wait SECONDS] -- COMMAND…`;

const [kind, ...rest] = process.argv.slice(2);
const dashes = rest.indexOf('--');
const [options, command] = [readOptions(rest.slice(0, Math.max(0, dashes))), rest.slice(dashes + 1)];

if (dashes < 0 || command.length === 0 || !options || (kind !== 'producer' && kind !== 'consumer')) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  const verdict = new Verdict(console.log);
  const isAsked = ({ name }: { name: string }): boolean => name.includes(options.get('--only') ?? '');
  if (kind === 'producer') {
    const lacks = options.get('--without')?.split(',') ?? [];
    await checkProducer(readCases<ProducerCase>('producers.json').filter(isAsked), command, lacks, verdict);
  } else {
    const waitMs = Number(options.get('--wait') ?? 60) * 1_000;
    await checkConsumer(readCases<ConsumerCase>('consumers.json').filter(isAsked), command, waitMs, verdict);
  }
  process.exitCode = verdict.end();
}

/** The options by their names; undefined when they are none of ours. */
function readOptions(args: string[]): Map<string, string> | undefined {
  const given = new Map<string, string>();
  for (let at = 0; at < args.length; at += 2) {
    const [name = '', value] = args.slice(at, at + 2);
    if (!['--only', '--without', '--wait'].includes(name) || value === undefined) return undefined;
    given.set(name, value);
  }
  const isRight = (given.get('--without')?.split(',') ?? []).every((need) => NEEDS.includes(need)) && Number(given.get('--wait') ?? 1) > 0;
  return isRight ? given : undefined;
}
