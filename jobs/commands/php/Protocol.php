<?php

declare(strict_types=1);

namespace Jobspool;

/** How a runner hands jobs to this process and hears what became of them. */
interface Protocol
{
    /** The next job; null when there is none and the process may end. */
    public function next(): ?Job;

    public function progress(Job $job, float $percent): void;

    /**
     * Says how the job ended. The protocol "once" ends the process with it.
     *
     * @param array<string, mixed> $answer as of the protocol "lines", without the id
     */
    public function answer(Job $job, array $answer): void;
}
