<?php

declare(strict_types=1);

namespace Jobspool;

/** The process runs one job: its request is all of standard input, its outcome the exit code. */
final class Once implements Protocol
{
    private const EXIT = ['completed' => 0, 'failed' => 1, 'snoozed' => 75, 'permanent' => 100];

    private bool $isRead = false;

    public function next(): ?Job
    {
        if ($this->isRead) {
            return null;
        }
        $this->isRead = true;
        try {
            $request = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
        } catch (\JsonException $error) {
            $this->end(unreadable($error));
        }
        $trace = array_map(static fn (string $name) => getenv($name) ?: null, ['TRACEPARENT', 'TRACESTATE']);
        return new Job($request['id'], $request['class'], $request['method'], $request['params'], $request['attempt'], $trace[0], $trace[1], $this);
    }

    public function progress(Job $job, float $percent): void
    {
        $this->write('JOBSPOOL_PROGRESS', (string) $percent);
    }

    public function answer(Job $job, array $answer): void
    {
        $this->end($answer);
    }

    /** @param array<string, mixed> $answer */
    private function end(array $answer): never
    {
        $said = array_diff_key($answer, ['outcome' => 0, 'permanent' => 0]);
        if ($answer['outcome'] === 'completed') {
            $said = $answer['result'] ?? null;
        }
        if ($said !== null && $said !== []) {
            $this->write('JOBSPOOL_RESULT', json($said));
        }
        exit(self::EXIT[($answer['permanent'] ?? false) ? 'permanent' : $answer['outcome']]);
    }

    // Where the variable is not set, somebody tries the command out by hand.
    private function write(string $variable, string $text): void
    {
        if ($file = getenv($variable)) {
            file_put_contents($file, $text);
        }
    }
}
