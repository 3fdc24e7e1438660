<?php

declare(strict_types=1);

/**
 * Enqueues a job for Jobspool (PHP 8.1 or newer) and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it.
 *
 * usage: require 'jobspool.php'; $id = runBackgroundJob('ExampleJob', 'execute', ['Sample Data'], retries: 3, delay: 60, priority: 8);
 *
 * `$params` as a list are positional arguments, with string keys they are one object; `$retries` counts the attempts after the first (null:
 * the method's own); `$delay` is in seconds; `$priority` 1 to 10, higher runs first. The spool is $JOBSPOOL_DIR, else ./var/spool.
 * Throws ValueError for a wrong priority, JsonException for params that JSON cannot hold, RuntimeException when the spool cannot be written.
 */
function runBackgroundJob(string $class, string $method = 'handle', array $params = [], ?int $retries = null, int $delay = 0, int $priority = 5): string
{
    if ($priority < 1 || $priority > 10) {
        throw new ValueError("priority: expected 1 to 10, got $priority");
    }
    $body = ['class' => $class, 'method' => $method, 'params' => $params] + ($retries === null ? [] : ['retries' => $retries]);
    $text = json_encode($body, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION);
    $now = new DateTimeImmutable('now', new DateTimeZone('UTC'));
    $runAt = $delay === 0 ? 'now' : $now->modify("$delay seconds")->format('Ymd\THis.v\Z');
    $id = $now->format('Ymd\THis.u\Z') . '-' . bin2hex(random_bytes(3));

    $spool = getenv('JOBSPOOL_DIR') ?: './var/spool';
    $draft = "$spool/tmp/$id.json";
    $file = @fopen($draft, 'x');
    $written = $file && fwrite($file, "$text\n") === strlen($text) + 1 && fsync($file) && fclose($file);
    if (!$written || !@rename($draft, "$spool/incoming/p$priority-$runAt-$id.json")) {
        throw new RuntimeException("enqueue $class.$method in the spool $spool: " . (error_get_last()['message'] ?? 'the disk took only a part of it'));
    }
    // The rename itself survives a power cut once its folder is synced; Windows syncs no folders.
    if (PHP_OS_FAMILY !== 'Windows' && $folder = @fopen("$spool/incoming", 'r')) {
        fsync($folder);
        fclose($folder);
    }
    return $id;
}
