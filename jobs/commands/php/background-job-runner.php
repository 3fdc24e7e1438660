#!/usr/bin/env php
<?php

declare(strict_types=1);

/**
 * Enqueues a job from a shell, called as home-made runners are.
 *
 *     php background-job-runner.php 'App\Jobs\ProcessOrder' handle '123,express'          positional; quote a comma: '123,"a, b"'
 *     php background-job-runner.php 'App\Jobs\ProcessOrder' handle '{"orderId": 123}'     JSON: an object is named arguments, an array positional
 *     php background-job-runner.php 'App\Jobs\ProcessOrder' --priority=8 --delay=60 --retries=3 --wait=30
 *
 * It prints the id, and runs nothing itself: the service does, if its allow-list has the class and the method, under its retries, timeouts and
 * cancel. `--wait` waits so many seconds for the end, prints the state, and what was returned or went wrong; the exit code is then 0 for
 * completed, 1 for any other end, 124 when it has not ended. 2: nothing was promised, as the call is
 * wrong or the spool cannot be written. To run a job here and now, without the queue but by the
 * allow-list: `jobspool exec CLASS METHOD PARAMS`.
 */

namespace Jobspool;

require_once dirname(__DIR__, 3) . '/spool/producers/jobspool.php';
require_once __DIR__ . '/await.php';

const USAGE = "usage: php background-job-runner.php CLASS [METHOD [PARAMS]] [--priority=5] [--delay=SECONDS] [--retries=N] [--wait=SECONDS]\n";

/**
 * @param list<string> $words
 *
 * @return array{list<string>, array<string, int>} the arguments, and the options by name
 *
 * @throws \ValueError
 */
function readCall(array $words): array
{
    $options = [];
    $arguments = [];
    foreach ($words as $word) {
        if (!str_starts_with($word, '--')) {
            $arguments[] = $word;
        } elseif (preg_match('/^--(priority|delay|retries|wait)=(\d{1,9})$/', $word, $option)) {
            $options[$option[1]] = (int) $option[2];
        } else {
            throw new \ValueError("$word: expected --priority, --delay, --retries or --wait with a whole number, as --delay=60");
        }
    }
    if (count($arguments) < 1 || count($arguments) > 3) {
        throw new \ValueError('expected a class, a method and params as one word, got ' . count($arguments) . ' words');
    }
    return [$arguments, $options];
}

/**
 * @return array<mixed>
 *
 * @throws \JsonException
 */
function readParams(string $text): array
{
    if (in_array(ltrim($text)[0] ?? '', ['{', '['], true)) {
        return json_decode($text, true, 512, JSON_THROW_ON_ERROR);
    }
    return $text === '' ? [] : array_map('trim', str_getcsv($text, ',', '"', ''));
}

try {
    [$arguments, $options] = readCall(array_slice($argv, 1));
    [$class, $method, $params] = $arguments + ['', 'handle', ''];
    $policy = array_diff_key($options, ['wait' => 0]);
    $id = \runBackgroundJob($class, $method, readParams($params), ...$policy);
} catch (\JsonException $error) {
    fwrite(STDERR, "background-job-runner: read the params as JSON: {$error->getMessage()}, in $params\n");
    exit(2);
} catch (\ValueError $error) {
    fwrite(STDERR, "background-job-runner: {$error->getMessage()}\n" . USAGE);
    exit(2);
} catch (\RuntimeException $error) {
    fwrite(STDERR, "background-job-runner: {$error->getMessage()}\n");
    exit(2);
}
echo "$id\n";
exit(isset($options['wait']) ? await($id, $options['wait'], static fn (string $line) => print("$line\n")) : 0);
