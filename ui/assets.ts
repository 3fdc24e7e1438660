/** The files that pages load, by an address that changes with their content, so that browsers may keep them for ever. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { disk } from '../spool/disk.ts';
import type { Env } from './dashboard.ts';

const own = (name: string): string => fileURLToPath(new URL(`./assets/${name}`, import.meta.url));

/** Nothing else is served. */
const FILES = {
  'app.css': { file: own('app.css'), type: 'text/css; charset=utf-8' },
  'app.js': { file: own('app.js'), type: 'text/javascript; charset=utf-8' },
  'icon.svg': { file: own('icon.svg'), type: 'image/svg+xml' },
  'htmx.js': { file: createRequire(import.meta.url).resolve('htmx.org/dist/htmx.min.js'), type: 'text/javascript; charset=utf-8' },
} as const;

export type Asset = keyof typeof FILES;

type Loaded = { text: string; zipped: Uint8Array<ArrayBuffer>; hash: string };

const loaded = new Map<Asset, Loaded>();

function load(name: Asset): Loaded {
  const before = loaded.get(name);
  if (before) return before;
  const text = disk.readAnywhere(FILES[name].file);
  if (text === undefined) throw new Error(`read ${FILES[name].file}: expected the file that the dashboard's pages load, found none`);
  const asset = { text, zipped: new Uint8Array(gzipSync(text)), hash: createHash('sha256').update(text).digest('hex').slice(0, 12) };
  loaded.set(name, asset);
  return asset;
}

/** The path of an asset, under the base path. */
export const assetPath = (name: Asset): string => `/assets/${load(name).hash}/${name}`;

/** Changes when any asset does: an open page that was drawn with another one loads itself anew. */
export const assetsVersion = (): string => (Object.keys(FILES) as Asset[]).map((name) => load(name).hash.slice(0, 6)).join('');

export function assetRoutes(): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/assets/:hash/:name', (context) => {
    const { hash, name } = context.req.param();
    if (!Object.hasOwn(FILES, name)) return context.notFound();
    const { text, zipped, ...asset } = load(name as Asset);
    const takesGzip = /\bgzip\b/.test(context.req.header('Accept-Encoding') ?? '');
    context.header('Content-Type', FILES[name as Asset].type);
    context.header('Vary', 'Accept-Encoding');
    // Of an older version's address only today's content can be given: that is not to be kept.
    context.header('Cache-Control', hash === asset.hash ? 'public, max-age=31536000, immutable' : 'no-store');
    if (takesGzip) context.header('Content-Encoding', 'gzip');
    return context.body(takesGzip ? zipped : text);
  });
  return app;
}
