<?php

declare(strict_types=1);

namespace Jobspool;

/** Runs `$handle` for each job that the runner hands to this process, and says how it ended. Returns when there is no more. */
function serve(callable $handle): void
{
    $protocol = protocol();
    answerForTheDead($protocol);
    while ($job = $protocol->next()) {
        Job::inHand($job);
        catchTerm($job);
        $answer = attempt($handle, $job);
        catchTerm(null);
        Job::inHand(null);
        if ($job->isInChild()) {
            endChild($answer);
        }
        $protocol->answer($job, $answer);
    }
}

/** The protocol that this process was started for. Call it before what takes long to load: see Lines. */
function protocol(): Protocol
{
    static $protocol;
    return $protocol ??= getenv('JOBSPOOL_PROTOCOL') === 'lines' ? new Lines() : new Once();
}

/**
 * Ends this process without a word about the job that it was just given: the runner gives that to a new one. Only before anything of the job
 * is done or printed, and only where this process has served a job before.
 */
function leave(): never
{
    Job::inHand(null);
    exit(0);
}

/**
 * Ends a child that a handler has forked and let return: it must not answer for the job, nor read the next.
 *
 * @param array<string, mixed> $answer
 */
function endChild(array $answer): never
{
    if ($answer['outcome'] === 'failed') {
        fwrite(STDERR, "a child of the handler failed: {$answer['error']['stack']}\n");
    }
    exit($answer['outcome'] === 'completed' ? 0 : 1);
}

/** @return array<string, mixed> */
function attempt(callable $handle, Job $job): array
{
    try {
        return completed($handle($job));
    } catch (Cancelled) {
        // Whoever told it to stop knows how it ended. The process may be in the middle of anything, and is not used again.
        Job::inHand(null);
        exit(143);
    } catch (Snooze $snooze) {
        return ['outcome' => 'snoozed'] + ($snooze->delay === null ? [] : ['delay' => $snooze->delay]);
    } catch (\Throwable $error) {
        return failed($error);
    }
}

/** @return array<string, mixed> */
function failed(\Throwable $error): array
{
    return ['outcome' => 'failed', 'error' => errorRecord($error), 'permanent' => $error instanceof PermanentError];
}

/**
 * The answer to a request that PHP cannot read, such as one with half a surrogate pair, which is JSON for the service. It would not read it
 * the next time either.
 *
 * @return array<string, mixed>
 */
function unreadable(\JsonException $error): array
{
    return failed(new PermanentError("read the job's request: expected JSON that PHP can decode, got: {$error->getMessage()}; the job is not retried"));
}

/** @return array<string, mixed> */
function completed(mixed $result): array
{
    try {
        // Here and now: what makes JSON of an object is code of its own, and may throw.
        $result = json_decode(json($result), false, 512, JSON_THROW_ON_ERROR);
    } catch (\Throwable $error) {
        // The work is done, whatever it returned.
        fwrite(STDERR, "the result is left out: JSON cannot hold it: {$error->getMessage()}\n");
        $result = null;
    }
    return ['outcome' => 'completed'] + ($result === null ? [] : ['result' => $result]);
}

/**
 * What is kept of an error: its class, its sentence, its trace with those of its causes, and the classes it extends, by which retryOn and
 * noRetryOn of the allow-list know it too.
 *
 * @return array{name: string, message: string, stack: string, names: list<string>}
 */
function errorRecord(\Throwable $error): array
{
    $stacks = [];
    for ($cause = $error; $cause !== null && count($stacks) < 6; $cause = $cause->getPrevious()) {
        $where = "{$cause->getFile()}({$cause->getLine()})";
        $stacks[] = substr($cause::class . ": {$cause->getMessage()} at $where\n{$cause->getTraceAsString()}", 0, 16_000);
    }
    return [
        'name' => $error::class,
        'message' => $error->getMessage() === '' ? $error::class . ' without a message' : substr($error->getMessage(), 0, 16_000),
        'stack' => implode("\nCaused by: ", $stacks),
        'names' => array_values(class_parents($error)),
    ];
}

/** SIGTERM throws Cancelled into the job. Between jobs it ends the process: a read that waits would not return for a handler. */
function catchTerm(?Job $job): void
{
    if (function_exists('pcntl_signal')) {
        pcntl_async_signals(true);
        pcntl_signal(SIGTERM, $job ? static fn () => $job->cancel() : SIG_DFL);
    }
}

/** A handler that calls exit(), or that PHP ends (no memory left, a file that does not parse), fails with what is known of it. */
function answerForTheDead(Protocol $protocol): void
{
    // Room for the answer when there is none left.
    $reserve = str_repeat(' ', 262_144);
    register_shutdown_function(static function () use ($protocol, &$reserve): void {
        $reserve = null;
        $job = Job::current();
        if ($job === null || $job->isInChild()) {
            return;
        }
        Job::inHand(null);
        $protocol->answer($job, ['outcome' => 'failed', 'permanent' => false, 'error' => lastError()]);
        // Of a process that ends so without a word about the next job, the runner knows that it has not begun it.
        exit(0);
    });
}

/** @return array{name: string, message: string, stack?: string} */
function lastError(): array
{
    $last = error_get_last();
    if ($last === null || !($last['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_USER_ERROR))) {
        return ['name' => 'ProcessExit', 'message' => 'the handler ended its process by exit() or die(); it should return, or throw'];
    }
    [$message] = explode("\n", $last['message']);
    return ['name' => 'FatalError', 'message' => $message, 'stack' => "{$last['message']} at {$last['file']}({$last['line']})"];
}

/** JSON on one line. Bytes that are no UTF-8 are replaced: an error's message may hold any. */
function json(mixed $value): string
{
    return json_encode($value, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION);
}
