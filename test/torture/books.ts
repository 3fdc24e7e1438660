/** Reads what there is to count: the spool's own files, the producers' logs and the side file of the handlers. With none of Jobspool's code. */
import fs from 'node:fs';
import path from 'node:path';

/** Where a job's record is. `attempts`: outcomes, oldest first. Times in milliseconds since the epoch. */
export type Found = {
  key: string;
  id: string;
  state: 'completed' | 'failed' | 'cancelled' | 'rejected' | 'live';
  where: string;
  attempts: { number: number; outcome: string }[];
  runAt?: number;
  finishedAt?: number;
  reason?: string;
};

/** One execution of an attempt. `endedAt` is missing when the handler threw, was stopped or died. */
export type Execution = { key: string; attempt: number; pid: number; startedAt: number; endedAt?: number };

/** What the producers say. */
export type Claims = { intended: Map<string, string>; acknowledged: Map<string, string> };

export type Books = {
  claims: Claims;
  found: Found[];
  executions: Execution[];
  /** Files that should not be there when all is over. */
  leftovers: string[];
  /** What could not be understood. */
  strange: string[];
};

export function readBooks(dir: string): Books {
  const spool = path.join(dir, 'spool');
  const strange: string[] = [];
  const found = [...inLedger(spool, strange), ...FOLDERS.flatMap((folder) => inFolder(spool, folder, strange))];
  return {
    claims: readClaims(path.join(dir, 'producers'), strange),
    found,
    executions: readExecutions(path.join(dir, 'evidence.log'), strange),
    leftovers: leftoversIn(spool),
    strange,
  };
}

/** The jobs that are not over, and the parts of batches with such, as paths below the spool. */
export function liveFiles(spool: string): string[] {
  const slots = foldersIn(path.join(spool, 'running')).map((slot) => `running/${slot}`);
  return ['incoming', 'pending', 'retrying', ...slots].flatMap((folder) =>
    names(path.join(spool, folder))
      .filter((name) => /\.(nd)?json$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
}

const FOLDERS = ['failed', 'cancelled', 'rejected', 'live'] as const;

function inFolder(spool: string, state: (typeof FOLDERS)[number], strange: string[]): Found[] {
  const files =
    state === 'live'
      ? liveFiles(spool)
      : names(path.join(spool, state))
          .filter((name) => !name.endsWith('.reason.json'))
          .map((name) => `${state}/${name}`);
  return files.flatMap((where) => {
    if (where.endsWith('.ndjson')) return inBatch(spool, where, state, strange);
    const body = json(path.join(spool, where)) as Body | undefined;
    const id = /^\.?(?:\w+=)?(?:p\d+-[^-]*-)?(.*)\.json$/.exec(path.basename(where))?.[1];
    if (!body || id === undefined || typeof body.params?.[0] !== 'string') {
      strange.push(`${where} holds no job of ours`);
      return [];
    }
    const reason = state === 'rejected' ? (json(path.join(spool, `${where}.reason.json`)) as { reason?: string })?.reason : undefined;
    return [{ key: body.params[0], id, state, where, attempts: body.attempts ?? [], ...(reason === undefined ? {} : { reason }) }];
  });
}

// At the end no batch is left: what is there is wrong, and it is enough to say which jobs it has.
function inBatch(spool: string, where: string, state: (typeof FOLDERS)[number], strange: string[]): Found[] {
  const { reason } = (json(path.join(spool, `${where}.reason.json`)) ?? {}) as { reason?: string };
  const [, id = '', from = '1', to = 'Infinity'] = /(?:p\d+-[^-]*-)?([^/@]*?)(?:@(\d+)-(\d+))?\.ndjson$/.exec(where) ?? [];
  return linesOf(path.join(spool, where)).flatMap((text, index) => {
    const line = index + 1;
    if (line < Number(from) || line > Number(to)) return [];
    try {
      const key = String((JSON.parse(text) as Body).params?.[0]);
      return [
        { key, id: `${id}.${line}`, state, where: `${where}, line ${line}`, attempts: [], ...(reason === undefined ? {} : { reason }) },
      ];
    } catch {
      strange.push(`line ${line} of ${where} holds no job of ours`);
      return [];
    }
  });
}

type Body = { params?: unknown[]; attempts?: Found['attempts'] };

function inLedger(spool: string, strange: string[]): Found[] {
  const completed = path.join(spool, 'completed');
  return names(completed)
    .flatMap((day) => names(path.join(completed, day)).map((name) => `${day}/${name}`))
    .flatMap((file) => readLedger(path.join(completed, file), `completed/${file}`, strange));
}

function readLedger(file: string, where: string, strange: string[]): Found[] {
  const text = fs.readFileSync(file, 'utf8');
  return text.split('\n').flatMap((line, index) => {
    if (line === '') return [];
    const at = `${where}:${index + 1}`;
    try {
      const { id, params, attempts, runAt, finishedAt } = JSON.parse(line);
      const times = { runAt: Date.parse(runAt), finishedAt: Date.parse(finishedAt) };
      return [{ key: String(params[0]), id, state: 'completed' as const, where: at, attempts, ...times }];
    } catch {
      // A runner was killed in the middle of its last write: the job was not recorded, and is run again.
      if (!text.endsWith('\n') && line === text.slice(text.lastIndexOf('\n') + 1)) return [];
      strange.push(`${at} is no line of a ledger`);
      return [];
    }
  });
}

function readClaims(folder: string, strange: string[]): Claims {
  const claims: Claims = { intended: new Map(), acknowledged: new Map() };
  for (const line of names(folder).flatMap((name) => linesOf(path.join(folder, name)))) {
    const [what, key = '', id = ''] = line.split(' ');
    if (what === 'I') claims.intended.set(key, id);
    else if (what === 'A') claims.acknowledged.set(key, id);
    else if (what !== 'C') strange.push(`a producer says ${JSON.stringify(line)}`);
  }
  return claims;
}

function readExecutions(file: string, strange: string[]): Execution[] {
  const open = new Map<string, Execution>();
  const executions: Execution[] = [];
  for (const line of linesOf(file)) {
    const [what, key = '', attempt, pid, at] = line.split(' ');
    const name = `${key} ${pid}`;
    if (what === 'S') {
      const execution = { key, attempt: Number(attempt), pid: Number(pid), startedAt: Number(at) };
      open.set(name, execution);
      executions.push(execution);
    } else if (what === 'E' && open.has(name)) (open.get(name) as Execution).endedAt = Number(at);
    else strange.push(`the side file says ${JSON.stringify(line)}`);
  }
  return executions;
}

function leftoversIn(spool: string): string[] {
  const all = ['tmp', 'cancel', 'running', 'incoming'].flatMap((folder) =>
    names(path.join(spool, folder)).map((name) => `${folder}/${name}`),
  );
  return fs.existsSync(path.join(spool, 'paused')) ? [...all, 'paused'] : all;
}

const linesOf = (file: string): string[] => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);

function foldersIn(folder: string): string[] {
  return names(folder).filter((name) => fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.isDirectory());
}

function names(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function json(file: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
