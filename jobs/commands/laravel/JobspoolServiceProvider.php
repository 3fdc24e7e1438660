<?php

declare(strict_types=1);

namespace Jobspool\Laravel;

use Illuminate\Support\ServiceProvider;

/** Registers the artisan commands, the configuration `config/jobspool.php` and the log channel `jobspool`. */
final class JobspoolServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->mergeConfigFrom(__DIR__ . '/config.php', 'jobspool');
        $this->app['config']->set('logging.channels.jobspool', $this->app['config']->get('logging.channels.jobspool', self::CHANNEL));
        // PHP-FPM hands its environment down to no request, and the producer knows nothing of Laravel.
        if (getenv('JOBSPOOL_DIR') === false && $spool = $this->app['config']['jobspool.dir']) {
            putenv("JOBSPOOL_DIR=$spool");
        }
    }

    public function boot(): void
    {
        if ($this->app->runningInConsole()) {
            $this->publishes([__DIR__ . '/config.php' => $this->app->configPath('jobspool.php')], 'jobspool-config');
            $this->commands([RunJobCommand::class, AllowlistCommand::class]);
        }
    }

    /** Standard error is the log of the job in hand. */
    private const CHANNEL = [
        'driver' => 'monolog',
        'handler' => \Monolog\Handler\StreamHandler::class,
        'with' => ['stream' => 'php://stderr'],
        'level' => 'debug',
    ];
}
