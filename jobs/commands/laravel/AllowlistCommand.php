<?php

declare(strict_types=1);

namespace Jobspool\Laravel;

use Illuminate\Console\Command;
use Jobspool\HandlerNotFound;

/** `php artisan jobspool:allowlist`: writes the service's allow-list from the configuration. */
final class AllowlistCommand extends Command
{
    protected $signature = 'jobspool:allowlist
        {file? : Where to write it; default: print it}
        {--config=jobspool : The configuration to read, such as background_jobs of an old runner}
        {--once : Start PHP and the application anew for each job}';

    protected $description = 'Write the allow-list of Jobspool\'s service from the configuration';

    public function handle(): int
    {
        $settings = (array) config((string) $this->option('config'));
        try {
            $classes = allowedJobs($settings);
            if ($classes === []) {
                throw new \ValueError("config {$this->option('config')}: expected classes in allowed_jobs, found none");
            }
            foreach ($classes as $class => $methods) {
                array_map(static fn (string $method) => \Jobspool\findMethod($class, $method), array_keys($methods));
            }
        } catch (HandlerNotFound | \ValueError $error) {
            $this->error($error->getMessage());
            return 2;
        }
        return $this->write(json_encode($this->entries($classes), JSON_THROW_ON_ERROR | JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n");
    }

    /**
     * @param array<string, array<string, array<string, mixed>>> $classes
     *
     * @return array<string, array<string, mixed>>
     */
    private function entries(array $classes): array
    {
        $command = [config('jobspool.php'), __DIR__ . '/worker.php', $this->laravel->bootstrapPath('app.php')];
        $protocol = $this->option('once') ? 'once' : 'lines';
        return array_map(static fn (array $methods) => [
            'command' => $command,
            'protocol' => $protocol,
            // An empty list in PHP, an empty object in JSON.
            'methods' => array_map(static fn (array $policy) => (object) $policy, $methods),
        ], $classes);
    }

    private function write(string $text): int
    {
        $file = $this->argument('file');
        if ($file === null) {
            $this->output->write($text, false, \Symfony\Component\Console\Output\OutputInterface::OUTPUT_RAW);
            return 0;
        }
        // Whole or not at all: the service may read it just now.
        $draft = "$file." . getmypid();
        if (@file_put_contents($draft, $text) !== strlen($text) || !@rename($draft, $file)) {
            $this->error("write $file: expected a folder that this user may write to, with room on its disk");
            return 2;
        }
        $this->info("$file: written. A service that runs reads it when it is started again.");
        return 0;
    }
}
