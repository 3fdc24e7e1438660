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
    private readonly string $locale;
    private readonly mixed $startedAfter;
    private int $served = 0;

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
        // `php artisan queue:restart`, as after a deployment: old code must not run this job.
        if ($this->served++ > 0 && $this->lastRestart() !== $this->startedAfter) {
            \Jobspool\leave();
        }
        $this->nameInLogs($job);
        try {
            return $this->run($job);
        } catch (Cancelled | Snooze $told) {
            throw $told;
        } catch (\Throwable $error) {
            $this->app->make(ExceptionHandler::class)->report($error);
            throw $error;
        } finally {
            $this->clearAway();
        }
    }

    /**
     * The object comes from the container, with those params that its constructor names; so do the arguments of the method that are of a
     * class. All others are the job's params.
     */
    private function run(Job $job): mixed
    {
        $method = \Jobspool\findMethod($job->class, $job->method);
        $constructor = (new \ReflectionClass($job->class))->getConstructor();
        $wanted = array_flip(array_map(static fn ($one) => $one->getName(), $constructor?->getParameters() ?? []));
        $own = array_flip(array_map(static fn ($one) => $one->getName(), $method->getParameters()));
        $object = $this->app->make($job->class, array_intersect_key($job->params, $wanted));
        $params = array_is_list($job->params) ? $job->params : array_diff_key($job->params, array_diff_key($wanted, $own));
        return $this->app->call([$object, $job->method], \Jobspool\argumentsFor($method, $params, skipsClasses: true));
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
        $logger = $this->app['log']->driver();
        if (method_exists($logger, 'withoutContext')) {
            $logger->withoutContext();
        }
        if ($this->app->resolved('db')) {
            $this->closeTransactions();
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

    // Laravel keeps there when its workers were last told to restart.
    private function lastRestart(): mixed
    {
        return $this->app->bound('cache') ? $this->app['cache']->store()->get('illuminate:queue:restart') : null;
    }
}
