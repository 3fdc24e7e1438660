import type { Journal } from '../dashboard.ts';
import { inert } from '../inert.ts';
import type { Remote } from './remote.ts';

const MINUTE = 60_000;
/** So many failures in a minute one address may have with one account, before it must wait. */
const PER_ACCOUNT = 10;
/** And so many may come over the connections of one peer, whomever it says it forwards for. */
const PER_PEER = 100;
// Beyond that, whoever failed longest ago is forgotten, and may try again a little early.
const MAX_BUCKETS = 5_000;
/** So many are remembered who signed in. */
const MAX_KNOWN = 1_000;
const MAX_LINES_PER_MINUTE = 20;

/** How many failures were left at a time; they grow back evenly, to the whole in a minute. */
type Bucket = { left: number; at: number };

/**
 * Slows down who guesses passwords. While a bucket is empty the right password is refused as well: were it let through, a guesser would be
 * told by that, and would not be slowed down at all. So that an attack does not lock out everybody who comes through the same proxy, failures
 * count for an account, and for the address that the proxy says it forwards for; who makes such addresses up, or many accounts, is held by
 * the larger bucket of the peer itself. That one holds no account that has signed in from the same address before: a stranger behind the same proxy would
 * lock everybody out by it. Times in milliseconds; its memory and its lines in the log are bounded.
 */
export class Throttle {
  readonly #log: Journal;
  readonly #buckets = new Map<string, Bucket>();
  /** The keys of the small buckets of those who have signed in, the last ones last. */
  readonly #known = new Set<string>();
  #lines = { since: Number.NEGATIVE_INFINITY, logged: 0, left: 0 };

  constructor(log: Journal) {
    this.#log = log;
  }

  /** How long a sign-in must wait before it is looked at, in whole seconds; 0: not at all. */
  waitSeconds(remote: Remote, account: string, now: number): number {
    const [own, peer] = bucketsOf(remote, account);
    const waits = (this.#known.has(own.key) ? [own] : [own, peer]).map(({ key, size }) => {
      const left = leftIn(this.#buckets.get(key), size, now);
      return left >= 1 ? 0 : ((1 - left) * MINUTE) / size;
    });
    return Math.ceil(Math.max(...waits) / 1_000);
  }

  /** Remembers a sign-in that was right. */
  succeeded(remote: Remote, account: string): void {
    const [{ key }] = bucketsOf(remote, account);
    this.#known.delete(key);
    this.#known.add(key);
    const [oldest] = this.#known;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Counts a sign-in that failed, and logs it. */
  failed(remote: Remote, account: string, now: number): void {
    for (const { key, size } of bucketsOf(remote, account)) {
      const left = Math.max(0, leftIn(this.#buckets.get(key), size, now) - 1);
      // Taken out and put in again: the map is in the order of the last failure.
      this.#buckets.delete(key);
      this.#buckets.set(key, { left, at: now });
    }
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size <= MAX_BUCKETS) break;
      this.#buckets.delete(key);
    }
    const { peer, forwardedFor } = remote;
    const from = forwardedFor === undefined ? peer : `${peer}, which forwards for ${inert(forwardedFor, 64)}`;
    this.#logFailure(`a sign-in as ${account} from ${from} failed: the password or the token is wrong`, now);
  }

  #logFailure(text: string, now: number): void {
    if (now - this.#lines.since >= MINUTE) {
      if (this.#lines.left > 0) this.#log.warn(`${this.#lines.left} more sign-ins failed`);
      this.#lines = { since: now, logged: 0, left: 0 };
    }
    if (this.#lines.logged >= MAX_LINES_PER_MINUTE) {
      this.#lines.left += 1;
      return;
    }
    this.#lines.logged += 1;
    this.#log.warn(text);
  }
}

type Sized = { key: string; size: number };

/** That of the account at the address, and that of the peer. */
function bucketsOf({ peer, forwardedFor }: Remote, account: string): [own: Sized, peer: Sized] {
  return [
    { key: JSON.stringify([peer, forwardedFor ?? '', account]), size: PER_ACCOUNT },
    { key: JSON.stringify([peer]), size: PER_PEER },
  ];
}

const leftIn = (bucket: Bucket | undefined, size: number, now: number): number =>
  bucket ? Math.min(size, bucket.left + ((now - bucket.at) * size) / MINUTE) : size;
