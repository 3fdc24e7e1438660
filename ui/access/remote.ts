import { isIPv6 } from 'node:net';
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';

/** Where a request comes from. `peer`: who connected to us. `forwardedFor`: for whom, as the nearest proxy says, or whoever made that up. */
export type Remote = { peer: string; forwardedFor: string | undefined };

export function remoteOf(context: Context): Remote {
  const forwarded = context.req.header('X-Forwarded-For')?.split(',').at(-1)?.trim();
  return { peer: network(peerOf(context)), forwardedFor: forwarded ? network(forwarded.slice(0, 64)) : undefined };
}

// Without a server (in tests) there is no connection.
function peerOf(context: Context): string {
  if (!context.env || !('incoming' in context.env)) return 'unknown';
  return getConnInfo(context).remote.address ?? 'unknown';
}

/** An address; of IPv6 its network, since one customer has all the addresses of a /64. */
function network(text: string): string {
  // Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
  const address = text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] as string;
  if (!isIPv6(address)) return address;
  const [before = '', after] = address.replace(/%.*$/, '').split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const groups = after === undefined ? head : [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
