<?php

declare(strict_types=1);

/**
 * Loads Jobspool for Laravel (8 or newer). At the top of bootstrap/app.php:
 *
 *     require_once __DIR__ . '/../node_modules/jobspool/jobs/commands/laravel/load.php';
 *
 * and Jobspool\Laravel\JobspoolServiceProvider::class among the providers. Then runBackgroundJob(), jobStatus() and
 * `php artisan run:job` are there.
 */

// Composer loads the helpers of an application early: that of a home-made runner, which is still there, would be taken for ours.
if (function_exists('runBackgroundJob') && realpath((string) (new ReflectionFunction('runBackgroundJob'))->getFileName()) !== realpath(dirname(__DIR__, 3) . '/spool/producers/jobspool.php')) {
    throw new LogicException('load Jobspool: another function runBackgroundJob() is there already, in ' . (new ReflectionFunction('runBackgroundJob'))->getFileName() . '; remove that one, which belongs to the old runner');
}

spl_autoload_register(static function (string $class): void {
    if (preg_match('/^Jobspool\\\\Laravel\\\\(\w+)$/', $class, $name) && is_file($file = __DIR__ . "/$name[1].php")) {
        require $file;
    }
});

require_once dirname(__DIR__, 3) . '/spool/producers/jobspool.php';
require_once dirname(__DIR__) . '/php/handler.php';
require_once dirname(__DIR__) . '/php/await.php';
require_once __DIR__ . '/allowed-jobs.php';
