<?php

declare(strict_types=1);

/**
 * Enqueues jobs for Jobspool and asks what has become of them (PHP 8.1 or newer, nothing else).
 *
 * usage: require 'jobspool.php'; $id = runBackgroundJob(ProcessOrder::class, 'handle', ['orderId' => 123], priority: 8, delay: 60);
 *
 * The spool is $JOBSPOOL_DIR, else ./var/spool.
 */

/**
 * Enqueues a job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it.
 *
 * @param string $class as the allow-list has it, with its namespace
 * @param array<mixed> $params a list: positional arguments; with string keys: one object, which PHP handlers get as named arguments
 * @param int|null $retries attempts after the first; null: the method's own
 * @param int $delay seconds to wait before the first attempt
 * @param int $priority 1 to 10, higher runs first
 * @param int|null $retryDelay seconds before the first retry; null: the method's own
 * @param DateTimeInterface|null $at when to run it, in place of a delay
 * @param string|null $id one of your own: a second live job of it is refused; null: one is made
 * @param string|null $traceparent that of W3C Trace Context, and $tracestate with it
 *
 * @throws ValueError for a wrong argument
 * @throws JsonException for params that JSON cannot hold
 * @throws RuntimeException when the spool cannot be written or synced, or a request of that id waits already
 */
function runBackgroundJob(
    string $class,
    string $method = 'handle',
    array $params = [],
    ?int $retries = null,
    int $delay = 0,
    int $priority = 5,
    ?int $retryDelay = null,
    ?DateTimeInterface $at = null,
    ?string $id = null,
    ?string $traceparent = null,
    ?string $tracestate = null
): string {
    if ($priority < 1 || $priority > 10) {
        throw new ValueError("priority: expected 1 to 10, got $priority");
    }
    foreach (['retries' => $retries, 'retryDelay' => $retryDelay, 'delay' => $delay] as $name => $number) {
        if ($number !== null && $number < 0) {
            throw new ValueError("$name: expected 0 or more, got $number");
        }
    }
    if ($at !== null && $delay > 0) {
        throw new ValueError('expected a delay or a time (at), got both');
    }
    if ($id !== null && preg_match('/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/D', $id) !== 1) {
        throw new ValueError("id: an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit; got $id");
    }
    // A person may write \App\Jobs\X where ::class has no backslash in front; the allow-list knows one name.
    $body = ['class' => ltrim($class, '\\'), 'method' => $method, 'params' => $params];
    $fields = ['retries' => $retries, 'retryDelay' => $retryDelay, 'traceparent' => $traceparent, 'tracestate' => $tracestate];
    $body += array_filter($fields, static fn ($value) => $value !== null);
    $text = json_encode($body, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION);
    $now = new DateTimeImmutable('now', new DateTimeZone('UTC'));
    $runAt = $at !== null || $delay > 0 ? jobspoolStamp($at ?? $now->modify("$delay seconds")) : 'now';
    $made = $now->format('Ymd\THis.u\Z') . '-' . bin2hex(random_bytes(3));

    $spool = getenv('JOBSPOOL_DIR') ?: './var/spool';
    $name = "p$priority-$runAt-" . ($id ?? $made) . '.json';
    // An id of the caller's own may be there already: a rename would replace that request, a link does not.
    $problem = jobspoolPublish("$spool/tmp/$made.json", "$spool/incoming/$name", "$text\n", $id === null ? 'rename' : 'link');
    if ($problem !== null) {
        throw new RuntimeException("enqueue $class.$method as $name in the spool $spool: $problem; nothing was enqueued");
    }
    // The name itself survives a power cut once its folder is synced; Windows syncs no folders.
    if (PHP_OS_FAMILY !== 'Windows' && !(($folder = @fopen("$spool/incoming", 'r')) && @fsync($folder))) {
        throw new RuntimeException("enqueue $class.$method as $name: $spool/incoming could not be synced; a power cut may lose the job still");
    }
    return $id ?? $made;
}

/**
 * Milliseconds are cut off: one more keeps the promise that a job never runs before its time.
 *
 * @internal
 */
function jobspoolStamp(DateTimeInterface $time): string
{
    $utc = DateTimeImmutable::createFromInterface($time)->setTimezone(new DateTimeZone('UTC'));
    $isWhole = (int) $utc->format('u') % 1000 === 0;
    return ($isWhole ? $utc : $utc->modify('+1 msec'))->format('Ymd\THis.v\Z');
}

/**
 * Writes the draft and moves it to its place, and leaves nothing behind when that fails.
 *
 * @internal
 *
 * @return string|null what went wrong
 */
function jobspoolPublish(string $draft, string $target, string $text, callable $move): ?string
{
    // Not @ and error_get_last(): a framework that handles errors itself (Laravel) leaves nothing there.
    $why = 'the disk took only a part of it';
    set_error_handler(static function (int $level, string $message) use (&$why): bool {
        $why = $message;
        return true;
    });
    try {
        $file = fopen($draft, 'x');
        // The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
        $isWritten = $file && chmod($draft, 0640) && fwrite($file, $text) === strlen($text) && fsync($file) && fclose($file);
        $isMoved = $isWritten && $move($draft, $target);
        // What another producer made under that name is left to it.
        if ($file && is_file($draft)) {
            unlink($draft);
        }
    } finally {
        restore_error_handler();
    }
    return $isMoved ? null : $why;
}

/**
 * What the spool says of a job, by its files alone; null for an id that it does not know. The lines of batches (`<id>.<n>`) are known here
 * once they have a file of their own or are completed: ask `jobspool show` or the API for those that wait.
 *
 * `state` is scheduled, pending, running, retrying, completed, failed, cancelled or rejected. `attempts` are those that are over, each with
 * its `outcome` and `error`; `error` is that of the last one, `result` what a completed job returned, `reason` why it was rejected, `progress`
 * 0 to 100 as a running one reports it; `runAt` is null where the name of a file that was not accepted says `now`. A live job counts before one
 * of the same id that is over.
 *
 * @return array{id: string, state: string, class?: string, method?: string, params?: array<mixed>, priority: int, runAt: ?string,
 *     attempts: list<array<string, mixed>>, error?: array<string, string>, result?: mixed, reason?: string, progress?: float}|null
 *
 * @throws RuntimeException when there is no spool, or it cannot be read
 */
function jobStatus(string $id): ?array
{
    $spool = getenv('JOBSPOOL_DIR') ?: './var/spool';
    if (!is_dir("$spool/incoming")) {
        throw new RuntimeException("ask for the job $id: expected a spool in $spool, found none");
    }
    // A job may move on between being found and being read: then it is found again where it went.
    for ($tries = 0; $tries < 5; $tries++) {
        foreach (jobspoolPlaces($spool, $id) as [$state, $file]) {
            $status = $state === 'completed' ? $file : jobspoolRead($spool, $id, $state, $file);
            if ($status !== null) {
                return $status;
            }
        }
    }
    return null;
}

/**
 * Where a job may be, the folders in the order in which jobs move: one that moves meanwhile is not missed.
 *
 * @internal
 */
function jobspoolPlaces(string $spool, string $id): Generator
{
    foreach (['incoming', 'pending', 'retrying'] as $folder) {
        foreach (jobspoolNames("$spool/$folder", $id) as $name) {
            yield [$folder === 'retrying' ? $folder : 'pending', "$spool/$folder/$name"];
        }
    }
    foreach (glob("$spool/running/*", GLOB_ONLYDIR | GLOB_NOSORT) ?: [] as $slot) {
        foreach (jobspoolNames($slot, $id) as $name) {
            yield ['running', "$slot/$name"];
        }
    }
    $over = [];
    if ($line = jobspoolLedgerLine($spool, $id)) {
        $over[$line['finishedAt']] = ['completed', ['id' => $id, 'state' => 'completed'] + $line];
    }
    foreach (['failed', 'cancelled', 'rejected'] as $folder) {
        foreach (jobspoolNames("$spool/$folder", $id) as $name) {
            // A duplicate that was rejected must not hide the job.
            $ended = $folder === 'rejected' ? '' : gmdate('Y-m-d\TH:i:s\Z', (int) @filemtime("$spool/$folder/$name"));
            $over[$ended] = [$folder, "$spool/$folder/$name"];
        }
    }
    krsort($over);
    yield from array_values($over);
}

/**
 * The names in a folder that are this job's. In a slot, one that is on its way to another folder has that folder's name before its own.
 *
 * @internal
 *
 * @return list<string>
 */
function jobspoolNames(string $folder, string $id): array
{
    $entries = @scandir($folder, SCANDIR_SORT_NONE) ?: [];
    $canonical = '/^(?:\.[a-z]+=)?p\d+-(?:now|\d{8}T\d{6}(?:\.\d{1,3})?Z|\d{10}|\d{13})-' . preg_quote($id, '/') . '\.json$/';
    return array_values(array_filter($entries, fn (string $name) => $name === "$id.json" || preg_match($canonical, $name) === 1));
}

/**
 * The newest line that the ledger has of a job. Only lines that begin with the id are parsed: a day may have a million.
 *
 * @internal
 *
 * @return array<string, mixed>|null
 */
function jobspoolLedgerLine(string $spool, string $id): ?array
{
    $start = '{"id":' . json_encode($id) . ',';
    foreach (array_reverse(glob("$spool/completed/*", GLOB_ONLYDIR) ?: []) as $day) {
        $newest = null;
        foreach (glob("$day/*.ndjson") ?: [] as $ledger) {
            $lines = @fopen($ledger, 'r');
            while ($lines && ($text = fgets($lines)) !== false) {
                $line = str_starts_with($text, $start) ? json_decode($text, true) : null;
                if ($line !== null && $line['finishedAt'] >= ($newest['finishedAt'] ?? '')) {
                    $newest = $line;
                }
            }
        }
        if ($newest !== null) {
            return $newest;
        }
    }
    return null;
}

/**
 * @internal
 *
 * @return array<string, mixed>|null null when the job has moved on
 */
function jobspoolRead(string $spool, string $id, string $state, string $file): ?array
{
    $text = @file_get_contents($file);
    if ($text === false) {
        if (is_file($file)) {
            throw new RuntimeException("read $file: this user may not, or the disk fails");
        }
        return null;
    }
    [$priority, $runAt] = jobspoolName(basename($file));
    if ($state === 'pending' && $runAt !== null && strtotime($runAt) > time()) {
        $state = 'scheduled';
    }
    $known = json_decode($text, true);
    // What is being written, or was rejected, need not be a request.
    $known = is_array($known) ? array_intersect_key($known, ['class' => 0, 'method' => 0, 'params' => 0, 'attempts' => 0]) : [];
    $status = ['id' => $id, 'state' => $state, 'priority' => $priority, 'runAt' => $runAt] + $known + ['attempts' => []];
    if ($state !== 'running' && $error = end($status['attempts'])['error'] ?? null) {
        $status['error'] = $error;
    }
    if ($state === 'running' && is_numeric($percent = trim((string) @file_get_contents(dirname($file) . '.progress')))) {
        $status['progress'] = (float) $percent;
    }
    if ($state === 'rejected' && $reason = json_decode((string) @file_get_contents("$file.reason.json"), true)) {
        $status['reason'] = $reason['reason'];
    }
    return $status;
}

/**
 * Priority and run-at as a file's name has them.
 *
 * @internal
 *
 * @return array{int, ?string} run-at in ISO 8601, null for now
 */
function jobspoolName(string $name): array
{
    if (!preg_match('/^(?:\.[a-z]+=)?p(\d+)-(now|\d+T\d+(?:\.\d+)?Z|\d+)-/', $name, $parts)) {
        return [5, null];
    }
    [, $priority, $runAt] = $parts;
    if ($runAt === 'now') {
        return [(int) $priority, null];
    }
    $text = match (true) {
        str_contains($runAt, 'T') => preg_replace('/^(....)(..)(..)T(..)(..)/', '$1-$2-$3T$4:$5:', $runAt),
        default => '@' . substr($runAt, 0, 10) . '.' . (substr($runAt, 10) ?: '0'),
    };
    return [(int) $priority, (new DateTimeImmutable($text))->setTimezone(new DateTimeZone('UTC'))->format('Y-m-d\TH:i:s.v\Z')];
}
