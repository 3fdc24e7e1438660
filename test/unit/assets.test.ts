import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { assetPath, assetRoutes, assetsVersion } from '../../ui/assets.ts';

const app = assetRoutes();
const NAMES = ['app.css', 'app.js', 'icon.svg', 'htmx.js'] as const;

test('every file that a page loads is there, with its type, and kept for ever', async () => {
  for (const name of NAMES) {
    const response = await app.request(assetPath(name));
    assert.equal(response.status, 200, name);
    assert.match(response.headers.get('Content-Type') ?? '', /^(text\/css|text\/javascript|image\/svg\+xml)/);
    assert.match(response.headers.get('Cache-Control') ?? '', /immutable/);
    assert.ok((await response.text()).length > 100, name);
  }
});

test('a browser gets them zipped, and all of a page that is kept weighs less than 40 kB', async () => {
  let weight = 0;
  for (const name of NAMES) {
    const plain = await (await app.request(assetPath(name))).text();
    const response = await app.request(assetPath(name), { headers: { 'Accept-Encoding': 'gzip, br' } });
    assert.equal(response.headers.get('Content-Encoding'), 'gzip');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(gunzipSync(bytes).toString(), plain);
    weight += bytes.length;
  }
  assert.ok(weight < 40_000, `${weight} bytes`);
});

test('the address of an older version gives the files of today and is not kept', async () => {
  const response = await app.request('/assets/000000000000/app.css');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('Cache-Control'), 'no-store');
});

test('nothing but these files can be fetched, whatever the name', async () => {
  for (const name of ['assets.ts', '..%2fassets.ts', '%2e%2e%2f%2e%2e%2fpackage.json', 'constructor', '__proto__', 'toString', '']) {
    assert.equal((await app.request(`/assets/000000000000/${name}`)).status, 404, name);
  }
});

test('pages can tell that the files have changed', () => {
  assert.match(assetsVersion(), /^[0-9a-f]{24}$/);
});
