<?php

declare(strict_types=1);

namespace Jobspool;

/** Not now: `throw new Snooze('10m')` runs the job again after that time and spends no attempt. Without a delay: after the retry delay. */
final class Snooze extends \RuntimeException
{
    /** @param string|null $delay such as 500ms, 5s, 2m, 1h */
    public function __construct(public readonly ?string $delay = null)
    {
        // Here, where the mistake is made, and not in the answer, which cannot tell where that was.
        if ($delay !== null && !preg_match('/^\d+(\.\d+)?(ms|[smhd])$/', $delay)) {
            throw new \ValueError("Snooze: expected a delay such as 500ms, 5s, 2m or 1h, got $delay");
        }
        parent::__construct('put off by ' . ($delay ?? 'the retry delay'));
    }
}
