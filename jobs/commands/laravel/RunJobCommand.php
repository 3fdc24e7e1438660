<?php

declare(strict_types=1);

namespace Jobspool\Laravel;

use Illuminate\Console\Command;

/** `php artisan run:job Class method params…`: enqueues a job. */
final class RunJobCommand extends Command
{
    protected $signature = 'run:job
        {class : The class, with its namespace, or its last name alone where config jobspool.allowed_jobs has one of it}
        {method=handle : Its method}
        {params?* : Positional arguments; or one JSON object of named ones, or one JSON array}
        {--priority=5 : 1 to 10, higher runs first}
        {--delay=0 : Seconds to wait before the first attempt}
        {--retries= : Attempts after the first; default: the method\'s}
        {--wait= : Wait so many seconds for the end, and exit with 0 only if the job has completed}';

    protected $description = 'Run a class and method as a background job, by Jobspool';

    public function handle(): int
    {
        try {
            $id = runBackgroundJob(
                $this->className((string) $this->argument('class')),
                (string) $this->argument('method'),
                $this->params((array) $this->argument('params')),
                $this->option('retries') === null ? null : $this->number('retries'),
                $this->number('delay'),
                $this->number('priority'),
            );
        } catch (\ValueError | \JsonException | \RuntimeException $error) {
            $this->error($error->getMessage());
            return 2;
        }
        $this->line($id);
        return $this->option('wait') === null ? 0 : \Jobspool\await($id, $this->number('wait'), fn (string $line) => $this->line($line));
    }

    private function className(string $name): string
    {
        $classes = array_keys(allowedJobs(config('jobspool')));
        $meant = array_values(array_filter($classes, static fn (string $class) => str_ends_with("\\$class", "\\$name")));
        // Of several of that name, none: the service says which there are.
        return count($meant) === 1 ? $meant[0] : $name;
    }

    /**
     * @param list<string> $words
     *
     * @return array<mixed>
     */
    private function params(array $words): array
    {
        $isJson = count($words) === 1 && in_array(ltrim($words[0])[0] ?? '', ['{', '['], true);
        return $isJson ? json_decode($words[0], true, 512, JSON_THROW_ON_ERROR) : $words;
    }

    private function number(string $option): int
    {
        $text = (string) $this->option($option);
        if (!preg_match('/^\d{1,9}$/', $text)) {
            throw new \ValueError("--$option: expected a whole number, got $text");
        }
        return (int) $text;
    }
}
