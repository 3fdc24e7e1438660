/** One running service for all tests of a file: its start is most of what a short test in the browser would take. */
import fs from 'node:fs';
import path from 'node:path';
import { after, type TestContext } from 'node:test';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Service, startService, tempFolder } from './spool.ts';
import { waitFor } from './wait-for.ts';

export type SharedService = {
  /** Where the pages begin: its address with its base path. */
  base: string;
  spool: Spool;
  service: Service;
  /** The folder of its allow-list, in which its handlers run. */
  folder: string;
};

export type SharedOptions = {
  /** The allow-list, as its JSON form has it; a module is found from `test/fixtures`. */
  classes: Record<string, object>;
  /** What commands of the allow-list are: files beside it, by their names. */
  files?: Record<string, string>;
  env?: Record<string, string>;
  /** Done to the empty spool before the service starts. */
  before?: (spool: Spool) => void;
};

/** To be called while the file is loaded. The service starts when it is asked for first, and ends after the file's last test. */
export function sharedService(options: SharedOptions): () => Promise<SharedService> {
  const undoing: (() => unknown)[] = [];
  const file = { after: (undo: () => unknown) => undoing.push(undo) } as unknown as TestContext;
  after(async () => {
    for (const undo of undoing) await undo();
  });
  let started: Promise<SharedService> | undefined;
  return () => {
    started ??= start(file, options);
    return started;
  };
}

/** The handlers that misbehave, for `classes`. */
export const TROUBLE_CLASS = (...methods: string[]): object => ({
  module: path.resolve(import.meta.dirname, '../fixtures/trouble.ts'),
  methods: Object.fromEntries(methods.map((method) => [method, {}])),
});

async function start(t: TestContext, { classes, files = {}, env = {}, before }: SharedOptions): Promise<SharedService> {
  const folder = tempFolder(t);
  const spool = openSpool(path.join(folder, 'spool'), { durability: 'none' });
  before?.(spool);
  const allowlist = path.join(folder, 'allowlist.json');
  fs.writeFileSync(allowlist, JSON.stringify(classes));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const service = await startService(t, { dir: spool.root, allowlist, env });
  const url = await waitFor(() => service.url(), 'the address of the dashboard');
  return { base: `${url}${env.JOBSPOOL_BASE_PATH ?? ''}`, spool, service, folder };
}
