<?php

declare(strict_types=1);

/**
 * Handlers for Jobspool in PHP (8.1 or newer, nothing else). Both kinds of command are served, `protocol: "once"` and `"lines"`.
 *
 *     require 'node_modules/jobspool/jobs/commands/php/handler.php';
 *     Jobspool\serve(function (Jobspool\Job $job) {
 *         foreach ($job->params['files'] as $n => $file) {
 *             if (!is_file($file)) throw new Jobspool\PermanentError("$file: no such file");   // no retry
 *             if (filesize($file) === 0) throw new Jobspool\Snooze('30s');                     // later, spends no attempt
 *             convert($file);                                                                 // what it throws is a failed attempt
 *             $job->progress(100 * ($n + 1) / count($job->params['files']));
 *         }
 *         return ['files' => $n + 1];                                                         // the result
 *     });
 *
 * What is printed is in the job's log. A job that is cancelled or late gets a `Jobspool\Cancelled` thrown into it (with the extension pcntl;
 * else SIGTERM ends the process), so that its `finally` blocks run; what then goes on is killed.
 */

spl_autoload_register(static function (string $class): void {
    if (preg_match('/^Jobspool\\\\(\w+)$/', $class, $name) && is_file($file = __DIR__ . "/$name[1].php")) {
        require $file;
    }
});

require_once __DIR__ . '/serve.php';
require_once __DIR__ . '/method.php';
require_once __DIR__ . '/arguments.php';
