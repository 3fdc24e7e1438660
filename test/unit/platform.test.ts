import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform, platformFor, type SystemCalls } from '../../spool/platform.ts';

const missing = (code: string) => Object.assign(new Error(code), { code });

/** System calls that note what was asked of them; whatever is not given is missing. */
function fakeCalls(over: Partial<SystemCalls> = {}) {
  const asked: unknown[][] = [];
  const none = () => {
    throw missing('ENOENT');
  };
  const note =
    <A extends unknown[], R>(name: string, answer: (...args: A) => R) =>
    (...args: A): R => {
      asked.push([name, ...args]);
      return answer(...args);
    };
  const calls: SystemCalls = {
    readFile: note('readFile', over.readFile ?? none),
    readFolder: note('readFolder', over.readFolder ?? (() => [])),
    readLink: note('readLink', over.readLink ?? none),
    writeFile: note('writeFile', over.writeFile ?? none),
    run: note('run', over.run ?? (() => '')),
    kill: note('kill', over.kill ?? (() => undefined)),
  };
  return { calls, asked };
}

// proc(5): pid (comm) state, then 18 fields before the start time.
const stat = (comm: string, state: string, start: string) =>
  `7 (${comm}) ${state} ${Array.from({ length: 18 }, (_, index) => index).join(' ')} ${start} 0 0`;

test('a process is known by its start time, also when its name holds spaces and brackets', () => {
  const processStart = (text: string) => platformFor('linux', fakeCalls({ readFile: () => text }).calls).processStart(7);
  assert.equal(processStart(stat('node', 'S', '12345')), '12345');
  assert.equal(processStart(stat('a) R 9 (b', 'R', '777')), '777');
  assert.equal(processStart(stat('x y)', 'T', '778')), '778');
});

test('a zombie counts as dead, and so does a process that is not there', () => {
  const zombie = platformFor('linux', fakeCalls({ readFile: () => stat('node', 'Z', '1') }).calls);
  assert.equal(zombie.processStart(7), undefined);
  for (const name of ['linux', 'darwin', 'win32'] as const) {
    const { calls } = fakeCalls({
      run: () => {
        throw new Error('exit 1');
      },
      kill: () => {
        throw missing('ESRCH');
      },
    });
    assert.equal(platformFor(name, calls).processStart(7), undefined, name);
  }
});

test('that a process cannot be looked at is no proof that it is dead', () => {
  for (const name of ['linux', 'darwin', 'win32'] as const) {
    const denied = () => {
      throw missing('EPERM');
    };
    for (const kill of [() => undefined, denied]) {
      const broken = () => {
        throw missing('EMFILE');
      };
      const { calls } = fakeCalls({ readFile: broken, run: broken, kill });
      assert.throws(() => platformFor(name, calls).processStart(7), /EMFILE/, name);
    }
  }
});

test('macOS asks ps, Windows asks for the creation date, both for one pid', () => {
  const mac = fakeCalls({ run: () => ' Sun Nov 22 10:15:00 2026 \n' });
  assert.equal(platformFor('darwin', mac.calls).processStart(7), 'Sun Nov 22 10:15:00 2026');
  assert.deepEqual(mac.asked, [['run', 'ps', ['-o', 'lstart=', '-p', '7']]]);
  const windows = fakeCalls({ run: () => '134081234567890000\r\n' });
  assert.equal(platformFor('win32', windows.calls).processStart(7), '134081234567890000');
  assert.match(JSON.stringify(windows.asked), /powershell.*ProcessId=7.*CreationDate/);
});

test('stopping a job reaches the whole process group', () => {
  for (const name of ['linux', 'darwin'] as const) {
    const { calls, asked } = fakeCalls();
    assert.equal(platformFor(name, calls).signalTree(7, 'SIGTERM'), true);
    assert.deepEqual(asked, [['kill', -7, 'SIGTERM']], name);
  }
});

test('Windows ends the tree with taskkill, by force only for KILL', () => {
  const { calls, asked } = fakeCalls();
  platformFor('win32', calls).signalTree(7, 'SIGTERM');
  platformFor('win32', calls).signalTree(7, 'SIGKILL');
  assert.deepEqual(asked, [
    ['run', 'taskkill', ['/PID', '7', '/T']],
    ['run', 'taskkill', ['/PID', '7', '/T', '/F']],
  ]);
});

test('a group that is gone is an answer; one that we may not signal is an error', () => {
  const failing = (code: string) =>
    platformFor(
      'linux',
      fakeCalls({
        kill: () => {
          throw missing(code);
        },
      }).calls,
    );
  assert.equal(failing('ESRCH').signalTree(7, 'SIGKILL'), false);
  assert.equal(failing('ESRCH').signal(7, 'SIGKILL'), false);
  assert.equal(failing('ESRCH').treeExists(7), false);
  assert.throws(() => failing('EPERM').signalTree(7, 'SIGKILL'), { code: 'EPERM' });
});

test('what left its group is found by its environment, and only by the whole value', () => {
  const environments: Record<string, string> = {
    11: 'A=1\0SLOT=host-1\0',
    12: 'SLOT=host-12\0',
    13: 'SLOT=host-1\0B=2\0',
    14: 'SLOT=host-1\0B=3\0',
    15: 'XSLOT=host-1\0',
  };
  const { calls } = fakeCalls({
    readFile: (file) => environments[file.split('/')[2] as string] ?? assert.fail('EACCES'),
  });
  const found = (name: NodeJS.Platform, variables: Record<string, string>) =>
    [11, 12, 13, 14, 15, 16].filter((pid) => platformFor(name, calls).hasEnvironment(pid, variables));
  assert.deepEqual(found('linux', { SLOT: 'host-1' }), [11, 13, 14]);
  assert.deepEqual(found('linux', { SLOT: 'host-1', B: '2' }), [13]);
  assert.deepEqual(found('darwin', { SLOT: 'host-1' }), []);
  assert.deepEqual(found('win32', { SLOT: 'host-1' }), []);
});

test('folders are not synced on Windows, which cannot', () => {
  assert.deepEqual(
    (['linux', 'darwin', 'win32'] as const).map((name) => platformFor(name, fakeCalls().calls).syncsFolders),
    [true, true, false],
  );
});

test('boot and namespace tell two machines in one apart on Linux, and are empty elsewhere', () => {
  const links: Record<string, string> = { '/proc/self': String(process.pid), '/proc/self/ns/pid': 'pid:[4026531836]' };
  const { calls } = fakeCalls({ readFile: () => 'boot-1\n', readLink: (file) => links[file] ?? assert.fail(file) });
  assert.equal(platformFor('linux', calls).bootId(), 'boot-1');
  assert.equal(platformFor('linux', calls).pidNamespace(), 'pid:[4026531836]');
  assert.equal(platformFor('win32', calls).bootId(), '');
  assert.equal(platformFor('darwin', calls).pidNamespace(), '');
});

test('in a container that sees the processes of another one, no pid means anything', () => {
  const { calls } = fakeCalls({
    readFolder: () => ['7'],
    readFile: () => stat('node', 'S', '12345'),
    readLink: (file) => (file === '/proc/self' ? String(process.pid + 1) : 'pid:[4026531836]'),
  });
  assert.equal(platformFor('linux', calls).pidNamespace(), '');
  assert.deepEqual(platformFor('linux', calls).processes(), []);
});

test('processes are listed with their parent, group and session, and zombies are not', () => {
  const table: Record<string, string> = { 7: '7 (a b) c) S 1 7 6 0 0', 8: '8 (x) Z 7 7 6 0 0' };
  const { calls } = fakeCalls({
    readFolder: () => ['7', '8', '9', 'self'],
    readFile: (file) =>
      `${table[file.split('/')[2] as string] ?? assert.fail('gone')} ${Array.from({ length: 13 }, () => 0).join(' ')} 4711 0`,
    readLink: () => String(process.pid),
  });
  assert.deepEqual(platformFor('linux', calls).processes(), [{ pid: 7, parent: 1, group: 7, session: 6, start: '4711' }]);
  assert.deepEqual(platformFor('darwin', calls).processes(), []);
});

test('a process is put first in line for the kernel that runs out of memory, where there is such a line and it may be', () => {
  const { calls, asked } = fakeCalls({ writeFile: () => undefined });
  platformFor('linux', calls).endFirstWithoutMemory(7);
  platformFor('darwin', calls).endFirstWithoutMemory(8);
  assert.deepEqual(asked, [['writeFile', '/proc/7/oom_score_adj', '500']]);
  platformFor('linux', fakeCalls().calls).endFirstWithoutMemory(9);
});

test('the running system knows this process, and no process of an impossible pid', () => {
  assert.ok(platform.processStart(process.pid));
  assert.equal(platform.processStart(process.pid), platform.processStart(process.pid));
  assert.equal(platform.processStart(2 ** 30), undefined);
});
