<?php

declare(strict_types=1);

namespace Jobspool;

/** The process is kept and serves job after job: a line of JSON for each on its standard input, an answer in one on its standard output. */
final class Lines implements Protocol
{
    /** @var resource */
    private $requests;
    /** @var resource */
    private $answers;
    private string $before = '';

    /** May start this process anew, so call it before anything is loaded that takes time. */
    public function __construct()
    {
        if (getenv('JOBSPOOL_STREAMS') === 'moved') {
            // What the job starts must not take it for its own.
            putenv('JOBSPOOL_STREAMS');
            [$this->requests, $this->answers] = [fopen('php://fd/4', 'r'), fopen('php://fd/3', 'w')];
            return;
        }
        $this->moveStreams();
        // Without pcntl a job that prints half a line would hide the answer behind it, so that begins a line of its own.
        [$this->requests, $this->answers, $this->before] = [STDIN, STDOUT, "\n"];
    }

    public function next(): ?Job
    {
        // A job may have closed what the next one would print to: that gets a new process.
        while (is_resource(STDOUT) && is_resource(STDERR) && ($line = fgets($this->requests)) !== false) {
            try {
                $request = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
            } catch (\JsonException $error) {
                $this->refuse($line, $error);
                continue;
            }
            return new Job(
                $request['id'],
                $request['class'],
                $request['method'],
                $request['params'],
                $request['attempt'],
                $request['traceparent'] ?? null,
                $request['tracestate'] ?? null,
                $this,
            );
        }
        return null;
    }

    public function progress(Job $job, float $percent): void
    {
        $this->say(['id' => $job->id, 'progress' => $percent]);
    }

    public function answer(Job $job, array $answer): void
    {
        $this->say(['id' => $job->id] + $answer);
    }

    // The id stands first in the line.
    private function refuse(string $line, \JsonException $error): void
    {
        if (!preg_match('/^\{"id":"([^"\\\\]+)"/', $line, $found)) {
            throw $error;
        }
        $this->say(['id' => $found[1]] + unreadable($error));
    }

    /** @param array<string, mixed> $said */
    private function say(array $said): void
    {
        fwrite($this->answers, $this->before . json($said) . "\n");
        fflush($this->answers);
    }

    /**
     * Becomes the same program with the runner's streams on 3 and 4, /dev/null as standard input, and standard error for all that is printed:
     * what a job prints cannot be glued to an answer, and what it starts (ssh, say) cannot read the next job away. PHP cannot move
     * descriptors, a shell can. Returns only where that is not to be had.
     */
    private function moveStreams(): void
    {
        if (!function_exists('pcntl_exec') || !is_executable('/bin/sh')) {
            return;
        }
        putenv('JOBSPOOL_STREAMS=moved');
        // With the options that PHP was started with, where the system tells them.
        $started = @file_get_contents('/proc/self/cmdline');
        $arguments = $started ? array_slice(explode("\0", rtrim($started, "\0")), 1) : $_SERVER['argv'];
        pcntl_exec('/bin/sh', ['-c', 'exec "$0" "$@" 3>&1 1>&2 4<&0 0</dev/null', PHP_BINARY, ...$arguments]);
        putenv('JOBSPOOL_STREAMS');
    }
}
