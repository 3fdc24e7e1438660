/** What stands under a key that looks secret is in no log and in no reason for a rejection. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jobLogger } from '../../jobs/capture.ts';
import { JobLog } from '../../jobs/job-log.ts';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { parseRequest } from '../../spool/request.ts';
import { aRequest } from '../support/a-job.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';

test('the fields of a log line keep their secrets, and dates stay dates', (t) => {
  const spool = tempSpool(t);
  const log = new JobLog(spool, 'a', { attempt: 1, startedAt: 0, runner: 'here-1' });
  jobLogger(log).info('signed in', { user: 'ada', password: 'hunter2', deep: [{ apiKey: 'hunter3' }], at: new Date(0), toJSON: undefined });
  jobLogger(log).warn('nothing to say', { toJSON: () => undefined });
  log.close();
  const text = fs.readFileSync(spool.jobLog('a'), 'utf8');
  assert.match(
    text,
    /INFO signed in \{"user":"ada","password":"••••••","deep":\[\{"apiKey":"••••••"\}\],"at":"1970-01-01T00:00:00\.000Z"\}/,
  );
  assert.doesNotMatch(text, /hunter/);
  assert.match(text, /WARN nothing to say $/m);
});

test('the sentence that refuses parameters does not quote a secret, and says whether it was there', async (t) => {
  const file = path.join(tempFolder(t), 'list.json');
  const params = {
    type: 'array',
    prefixItems: [
      { type: 'object', properties: { password: { type: 'number' }, name: { type: 'number' } }, required: ['password', 'name'] },
    ],
  };
  fs.writeFileSync(file, JSON.stringify({ A: { module: './a.js', methods: { handle: { params } } } }));
  const allowlist = await loadAllowlist(file);
  const reason = (value: object) => {
    const checked = allowlist.check(aRequest({ class: 'A', params: [value] }));
    return checked.ok ? assert.fail('it was allowed') : checked.reason;
  };
  assert.match(reason({ password: 'hunter2', name: 'ada' }), /password: expected number, got another value, which is kept secret/);
  assert.match(reason({ password: 'hunter2', name: 'ada' }), /name: expected number, got the text "ada"/);
  assert.doesNotMatch(reason({ password: 'hunter2', name: 'ada' }), /hunter2/);
  assert.match(reason({ name: 1 }), /password: expected number, got nothing/);
});

test('the reason why a text is no JSON quotes none of it where it holds a secret', () => {
  const reason = (text: string) => {
    const parsed = parseRequest(text);
    return parsed.ok ? assert.fail('it was parsed') : parsed.reason;
  };
  for (const text of ['{"password": hunter2}', '{"params":[{"api_key": "x", "token":hunter2', '{"a": hunter2, "secret" : 1}'])
    assert.doesNotMatch(reason(text), /hunter/, text);
  assert.match(reason('{"class": oops}'), /oops/);
});
