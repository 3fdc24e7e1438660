<?php

declare(strict_types=1);

namespace Jobspool;

/** Waits for the end of a job, says how it ended, and returns the exit code: 0 completed, 1 any other end, 124 not within the time. */
function await(string $id, int $seconds, callable $say): int
{
    $deadline = hrtime(true) + $seconds * 1_000_000_000;
    do {
        $status = \jobStatus($id);
        $state = $status['state'] ?? 'unknown';
        if (in_array($state, ['completed', 'failed', 'cancelled', 'rejected'], true)) {
            $say($state . wordsOn($status));
            return $state === 'completed' ? 0 : 1;
        }
        usleep(100_000);
    } while (hrtime(true) < $deadline);
    $say("still $state after $seconds s");
    return 124;
}

/** @param array<string, mixed> $status */
function wordsOn(array $status): string
{
    if (array_key_exists('result', $status)) {
        return ': ' . json_encode($status['result'], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }
    $error = $status['error'] ?? null;
    return match (true) {
        isset($status['reason']) => ": {$status['reason']}",
        $error !== null => ": {$error['name']}: {$error['message']}",
        default => '',
    };
}
