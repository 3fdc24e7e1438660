/** Who a request's Authorization header says it is, and whether that is so. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Role } from '../dashboard.ts';
import { inert } from '../inert.ts';
import type { Credentials } from './credentials.ts';

/** What an Authorization header offers. `account`: whom it tries to be, in words that may stand in a log. */
export type Offer = { account: string } & (
  | { kind: 'basic'; name: string; password: string }
  | { kind: 'bearer'; token: string }
  | { kind: 'strange' }
);

export type Identity = { role: Role; who: string };

/** The offer of an Authorization header; undefined when there is none. Any text gives an offer, never an exception. */
export function offerOf(authorization: string | undefined): Offer | undefined {
  const text = authorization?.trim() ?? '';
  if (text === '') return undefined;
  if (text.length > MAX_HEADER) return STRANGE;
  const space = text.indexOf(' ');
  const [scheme, value] = space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1).trim()];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { kind: 'bearer', account: 'a token', token: value };
    case 'basic':
      return basicOf(Buffer.from(value, 'base64').toString('utf8'));
    default:
      return STRANGE;
  }
}

/** Finds out who an offer is of; undefined when the name, the password or the token is wrong, which takes the same time whatever is wrong with it. */
export function makeSignIn(credentials: Credentials): (offer: Offer) => Identity | undefined {
  const people = [
    person('operator', credentials.user, credentials.password),
    person('viewer', credentials.viewerUser, credentials.viewerPassword),
  ];
  const programs = [program('operator', 'token', credentials.token), program('viewer', 'viewer token', credentials.viewerToken)];
  return (offer) => {
    if (offer.kind === 'strange') return undefined;
    const matching =
      offer.kind === 'basic'
        ? people.filter((is) => is(digest(offer.name), digest(offer.password)))
        : programs.filter((is) => is(digest(offer.token)));
    return matching[0]?.identity;
  };
}

/** What could sign somebody in here, as values of WWW-Authenticate. A browser asks for a password only where there is one to be had. */
export function challenges({ password, viewerPassword, token, viewerToken }: Credentials, isForPrograms: boolean): string[] {
  const hasPassword = password !== undefined || viewerPassword !== undefined;
  const hasToken = token !== undefined || viewerToken !== undefined;
  return [
    ...(hasPassword ? ['Basic realm="Jobspool", charset="UTF-8"'] : []),
    ...(hasToken && (isForPrograms || !hasPassword) ? ['Bearer realm="Jobspool"'] : []),
  ];
}

const STRANGE = { kind: 'strange', account: 'somebody unnamed' } as const;

// No password or token is so long; what is longer is not decoded.
const MAX_HEADER = 8_192;

function basicOf(text: string): Offer {
  // A password may hold colons, a user name may not.
  const colon = text.indexOf(':');
  if (colon < 0) return STRANGE;
  const name = text.slice(0, colon);
  return { kind: 'basic', account: `the user ${JSON.stringify(inert(name, 64))}`, name, password: text.slice(colon + 1) };
}

function person(role: Role, name: string, password: string | undefined) {
  const [wantedName, wantedPassword] = [digest(name), secretOf(password)];
  const is = (gotName: Buffer, gotPassword: Buffer): boolean => {
    const [isName, isPassword] = [timingSafeEqual(wantedName, gotName), isSame(wantedPassword, gotPassword)];
    return isName && isPassword;
  };
  return Object.assign(is, { identity: { role, who: name } });
}

function program(role: Role, who: string, token: string | undefined) {
  const wanted = secretOf(token);
  return Object.assign((got: Buffer): boolean => isSame(wanted, got), { identity: { role, who } });
}

// Digests are of one length whatever the text's. Composed and decomposed letters are the same letters to whoever types them.
const digest = (text: string): Buffer => createHash('sha256').update(text.normalize('NFC')).digest();

// An empty password is none: it would be guessed at once.
const secretOf = (secret: string | undefined): Buffer | undefined => (secret ? digest(secret) : undefined);

const isSame = (wanted: Buffer | undefined, got: Buffer): boolean => wanted !== undefined && timingSafeEqual(wanted, got);
