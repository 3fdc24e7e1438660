/** A Laravel application for tests, made of test/fixtures/laravel in a folder of its own, as one that has moved to Jobspool. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { PACKAGE, runPhp } from './php.ts';
import type { Ran } from './program.ts';
import { tempFolder } from './spool.ts';

export type LaravelApp = {
  folder: string;
  /** `php artisan …` */
  artisan(...args: string[]): Promise<Ran>;
  /** A line of PHP in the booted application, as it would stand in a controller; what it echoes. */
  say(code: string): Promise<string>;
};

export function laravelApp(t: TestContext, dir: string): LaravelApp {
  const folder = path.join(tempFolder(t), 'app');
  fs.cpSync(path.join(PACKAGE, 'test', 'fixtures', 'laravel'), folder, { recursive: true });
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(PACKAGE, path.join(folder, 'node_modules', 'jobspool'));
  const say = async (code: string) => {
    const { code: exit, out, err } = await runPhp(dir, folder, '-r', `${BOOT} ${code}`);
    assert.equal(exit, 0, out + err);
    return out;
  };
  return { folder, say, artisan: (...args) => runPhp(dir, folder, 'artisan', ...args) };
}

const BOOT = `use App\\Jobs\\ProcessOrder; require 'vendor/autoload.php'; $app = require 'bootstrap/app.php';
$app->make(Illuminate\\Contracts\\Console\\Kernel::class)->bootstrap();`;
