<?php

/** Jobspool. `php artisan vendor:publish --tag=jobspool-config` copies this to config/jobspool.php. */
return [

    // The spool, a folder that the web server's user may write to. Null: $JOBSPOOL_DIR of the process, else ./var/spool.
    'dir' => env('JOBSPOOL_DIR'),

    // What may run: `php artisan jobspool:allowlist` makes the service's allow-list of it. A class with its methods, and those with a policy
    // of their own where they have one (retries, retryDelay, backoff, maxDelay, timeout, retryOn, noRetryOn, params as JSON Schema):
    //
    //     App\Jobs\ProcessOrder::class => ['handle', 'refund' => ['retries' => 5, 'timeout' => '2m']],
    'allowed_jobs' => [
    ],

    // The methods of classes that are listed without any.
    'allowed_methods' => ['handle'],

    // Attempts altogether, the first included, and the wait before each other one.
    'retry' => [
        'max_attempts' => 4,
        'delay_seconds' => 5,
    ],

    // The channel that the worker logs to. "jobspool" is the log of the job, in the dashboard; null is the application's default.
    'log_channel' => 'jobspool',

    // The PHP that the service runs jobs with.
    'php' => env('JOBSPOOL_PHP', PHP_BINARY ?: 'php'),

];
