<?php

declare(strict_types=1);

namespace Jobspool;

/** What a handler knows of the attempt that it runs in. */
final class Job
{
    private static ?self $current = null;
    private bool $isCancelled = false;
    private float $reportedAt = 0;
    private readonly int $process;

    /** @param array<mixed> $params a list, or an object as an array with string keys */
    public function __construct(
        public readonly string $id,
        public readonly string $class,
        public readonly string $method,
        public readonly array $params,
        /** The number of this attempt; 1 is the first. */
        public readonly int $attempt,
        /** The trace of whoever asked for the job, as W3C Trace Context has it. */
        public readonly ?string $traceparent,
        public readonly ?string $tracestate,
        private readonly Protocol $protocol,
    ) {
        $this->process = getmypid();
    }

    /** The job that runs in this process now; null between jobs. For code that is not handed one. */
    public static function current(): ?self
    {
        return self::$current;
    }

    /** Reports how much is done, 0 to 100. Cheap: ten times a second at most are sent. */
    public function progress(float $percent): void
    {
        $now = microtime(true);
        if ($now - $this->reportedAt < 0.1 && $percent < 100) {
            return;
        }
        $this->reportedAt = $now;
        $this->protocol->progress($this, max(0, min(100, $percent)));
    }

    /** Whether it was told to stop. Code that catches every exception asks here. */
    public function isCancelled(): bool
    {
        return $this->isCancelled;
    }

    /** @internal Whether this is a child that a handler has forked. It has a copy of all that is here, and its end is not the job's. */
    public function isInChild(): bool
    {
        return getmypid() !== $this->process;
    }

    /** @internal */
    public function cancel(): never
    {
        $this->isCancelled = true;
        throw new Cancelled("the job $this->id was told to stop");
    }

    /** @internal */
    public static function inHand(?self $job): void
    {
        self::$current = $job;
    }
}
