<?php

declare(strict_types=1);

namespace Jobspool\Laravel;

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\Facades\Facade;
use Jobspool\Cancelled;
use Jobspool\Job;
use Jobspool\Snooze;

/** Runs jobs in an application that has been booted, and clears away after each what must not reach the next. */
final class Worker
{
    private const UNKNOWN = false;

    private readonly string $locale;
    private readonly mixed $startedAfter;
    private int $served = 0;
    private bool $isUnclean = false;

    public function __construct(private readonly Application $app)
    {
        $this->locale = $app->getLocale();
        $this->startedAfter = $this->lastRestart();
        if ($channel = $app['config']['jobspool.log_channel']) {
            $app['log']->setDefaultDriver($channel);
        }
    }

    public function __invoke(Job $job): mixed
    {
        if ($this->served++ > 0 && ($this->isUnclean || $this->isToldToRestart())) {
            \Jobspool\leave();
        }
        $this->nameInLogs($job);
        try {
            return $this->run($job);
        } catch (Cancelled | Snooze $told) {
            throw $told;
        } catch (\Throwable $error) {
            $this->report($error);
            throw $error;
        } finally {
            // A child that the job has forked shares the connections: their transactions are its parent's.
            if (!$job->isInChild()) {
                $this->cleanUp();
            }
        }
    }

    /**
     * The object comes from the container, with those params that its constructor names; so do the arguments of the method that are of a
     * class. All others are the job's params.
     */
    private function run(Job $job): mixed
    {
        $method = \Jobspool\findMethod($job->class, $job->method);
        [$wanted, $left] = \Jobspool\splitParams($job->class, $method, $job->params);
        $object = $this->app->make($job->class, $wanted);
        return $this->app->call([$object, $job->method], \Jobspool\argumentsFor($method, $left, skipsClasses: true));
    }

    private function report(\Throwable $error): void
    {
        try {
            $this->app->make(ExceptionHandler::class)->report($error);
        } catch (Cancelled $told) {
            throw $told;
        } catch (\Throwable $another) {
            // The attempt fails by its own error, whatever has become of the report.
            $this->say('the error is not reported to the application', $another);
        }
    }

    // How the job ended stands, whatever this meets; but the next one must not run in what is left.
    private function cleanUp(): void
    {
        try {
            $this->clearAway();
        } catch (\Throwable $error) {
            $this->isUnclean = true;
            $this->say('cleaning up after the job failed, and the next one gets a new process', $error);
        }
    }

    private function nameInLogs(Job $job): void
    {
        $logger = $this->app['log']->driver();
        if (method_exists($logger, 'withContext')) {
            $logger->withContext(['jobId' => $job->id, 'attempt' => $job->attempt] + array_filter(['traceparent' => $job->traceparent]));
        }
    }

    /** What Laravel's own queue worker forgets between two jobs, and beyond that an open transaction, the signed-in user and the locale. */
    private function clearAway(): void
    {
        // First: an open transaction holds locks for as long as this process lives.
        if ($this->app->resolved('db')) {
            $this->closeTransactions();
        }
        $logger = $this->app['log']->driver();
        if (method_exists($logger, 'withoutContext')) {
            $logger->withoutContext();
        }
        if ($this->app->resolved('auth')) {
            $this->app['auth']->forgetGuards();
        }
        $this->app->setLocale($this->locale);
        if (method_exists($this->app, 'forgetScopedInstances')) {
            $this->app->forgetScopedInstances();
        }
        Facade::clearResolvedInstances();
    }

    private function closeTransactions(): void
    {
        foreach ($this->app['db']->getConnections() as $connection) {
            if ($connection->transactionLevel() === 0) {
                continue;
            }
            try {
                $connection->rollBack(0);
            } catch (\Throwable) {
                // The server has gone, and the transaction with it; the next query connects anew.
                $connection->disconnect();
            }
        }
    }

    // `php artisan queue:restart`, as after a deployment: old code must not run this job.
    private function isToldToRestart(): bool
    {
        $last = $this->lastRestart();
        return $last !== self::UNKNOWN && $last !== $this->startedAfter;
    }

    // Laravel keeps in the cache when its workers were last told to restart. Jobs that need no cache run without.
    private function lastRestart(): mixed
    {
        try {
            return $this->app->bound('cache') ? $this->app['cache']->store()->get('illuminate:queue:restart') : null;
        } catch (Cancelled $told) {
            throw $told;
        } catch (\Throwable $error) {
            $this->say('queue:restart would not be noticed, for the cache cannot be read', $error);
            return self::UNKNOWN;
        }
    }

    // In the job's log, without the application, of which nobody knows here what of it works.
    private function say(string $what, \Throwable $error): void
    {
        fwrite(STDERR, "jobspool: $what: " . $error::class . ": {$error->getMessage()}\n");
    }
}
