import { createRequire } from 'node:module';

/** The version of this package. */
export function packageVersion(): string {
  // By the package's own name: the sources and the built package are not equally deep.
  const manifest = createRequire(import.meta.url)('jobspool/package.json') as { version: string };
  return manifest.version;
}
