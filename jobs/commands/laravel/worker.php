<?php

declare(strict_types=1);

/**
 * A command for the allow-list that runs the classes of a Laravel application. It boots the application once and serves job after job
 * (`"protocol": "lines"`), or one (`"once"`): it resolves the job's class from the container and calls the job's method.
 *
 * usage, in the allow-list: "command": ["php", "…/jobs/commands/laravel/worker.php", "/srv/app/bootstrap/app.php"], "protocol": "lines"
 *
 * `php artisan jobspool:allowlist` writes that file.
 */

require __DIR__ . '/load.php';

$bootstrap = realpath($argv[1] ?? '');
if ($argc !== 2 || $bootstrap === false || !is_file($bootstrap)) {
    fwrite(STDERR, "usage: php worker.php BOOTSTRAP, the application's bootstrap/app.php, with its vendor folder beside it\n");
    exit(2);
}
// First of all: it may start this process anew.
Jobspool\protocol();

// artisan loads this first as well. The classes may also come from elsewhere, a system's packages for example.
if (is_file($autoloader = dirname($bootstrap, 2) . '/vendor/autoload.php')) {
    require $autoloader;
}
$app = require $bootstrap;
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();

Jobspool\serve(new Jobspool\Laravel\Worker($app));
