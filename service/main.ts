#!/usr/bin/env node
/** The program `jobspool`. It imports nothing of its own before it knows that this Node can run it. */
import module from 'node:module';
import os from 'node:os';
import path from 'node:path';

const OLDEST_NODE = [24, 12] as const;

if (isTooOld(process.versions.node)) {
  console.error(
    `jobspool: expected Node ${OLDEST_NODE.join('.')} or newer, got ${process.versions.node}; nothing was done. In a checkout, npm run -s jobspool brings its own.`,
  );
  process.exitCode = 2;
} else {
  keepCompiledCode();
  const { runCli } = await import('./cli.ts');
  await runCli(process.argv);
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
}

/** Compiled code is kept between starts, for this process and, through the environment, for its runners. */
function keepCompiledCode(): void {
  const folder = process.env.NODE_COMPILE_CACHE || homeCache();
  if (folder === undefined) return;
  module.enableCompileCache(folder);
  process.env.NODE_COMPILE_CACHE = folder;
}

// Never below a folder that other users may write to: what is in it is run.
function homeCache(): string | undefined {
  try {
    return path.join(os.homedir(), '.cache', 'jobspool');
  } catch {
    // A container's user need not have a home: then each start compiles anew.
    return undefined;
  }
}
