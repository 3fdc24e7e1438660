<?php

declare(strict_types=1);

/**
 * A command for the allow-list that runs any class of a PHP project: it makes an object of the job's class and calls the job's method with
 * its params, a list as positional arguments, an object as named ones. What the method throws is a failed attempt, what it returns the result.
 *
 * usage, in the allow-list: "command": ["php", "…/jobs/commands/php/run-class.php", "/srv/app/vendor/autoload.php"], "protocol": "lines"
 *
 * The file that is named loads the project's classes; without composer it may be any that registers an autoloader. Constructors get those of
 * the params that have the names of their parameters.
 */

require __DIR__ . '/handler.php';

$load = realpath($argv[1] ?? '');
if ($argc !== 2 || $load === false || !is_file($load)) {
    fwrite(STDERR, "usage: php run-class.php AUTOLOADER, the file that loads your classes (vendor/autoload.php)\n");
    exit(2);
}
Jobspool\protocol();
require $load;

Jobspool\serve(static function (Jobspool\Job $job): mixed {
    $method = Jobspool\findMethod($job->class, $job->method);
    [$object, $params] = Jobspool\makeObject($job->class, $method, $job->params);
    // By way of reflection, as the parameters came as JSON or words: PHP may make an int of "5", as it would of a request's.
    return $method->invokeArgs($object, Jobspool\argumentsFor($method, $params));
});
