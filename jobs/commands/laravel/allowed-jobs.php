<?php

declare(strict_types=1);

namespace Jobspool\Laravel;

/**
 * The classes of a configuration with their methods, and of each the policy as the service's allow-list has it. The forms that home-made
 * runners have are understood: a list of classes, a class with a list of methods or with one, with `methods` or `allowed_methods`; the list
 * under `allowed_jobs`, `approved_classes` or `allowed_classes`; `retry.max_attempts` or `attempts`, `retry.delay_seconds` or `delay`;
 * `retry_attempts` and `retry_delay`.
 *
 * @param array<string, mixed> $settings
 *
 * @return array<string, array<string, array<string, mixed>>>
 *
 * @throws \ValueError for a form that is none of these
 */
function allowedJobs(array $settings): array
{
    $listed = $settings['allowed_jobs'] ?? $settings['approved_classes'] ?? $settings['allowed_classes'] ?? [];
    $default = (array) ($settings['allowed_methods'] ?? ['handle']);
    $retry = retryPolicy($settings);
    $classes = [];
    foreach ($listed as $class => $methods) {
        [$class, $methods] = is_int($class) ? [$methods, $default] : [$class, $methods];
        if (!is_string($class)) {
            throw new \ValueError('allowed_jobs: expected the names of classes, got ' . json_encode($class));
        }
        $classes[ltrim($class, '\\')] = methodsOf($class, $methods, $retry);
    }
    return $classes;
}

/**
 * @param array<string, mixed> $retry
 *
 * @return array<string, array<string, mixed>>
 */
function methodsOf(string $class, mixed $listed, array $retry): array
{
    $listed = is_array($listed) ? $listed['allowed_methods'] ?? $listed['methods'] ?? $listed : (array) $listed;
    $methods = [];
    foreach ($listed as $method => $policy) {
        [$method, $policy] = is_int($method) ? [$policy, []] : [$method, $policy];
        if (!is_string($method) || !is_array($policy)) {
            throw new \ValueError("allowed_jobs: $class: expected names of methods, or 'name' => [its policy], got " . json_encode($listed));
        }
        $methods[$method] = $policy + $retry;
    }
    return $methods;
}

/**
 * @param array<string, mixed> $settings
 *
 * @return array<string, mixed>
 */
function retryPolicy(array $settings): array
{
    $attempts = $settings['retry']['max_attempts'] ?? $settings['retry']['attempts'] ?? $settings['retry_attempts'] ?? null;
    $delay = $settings['retry']['delay_seconds'] ?? $settings['retry']['delay'] ?? $settings['retry_delay'] ?? null;
    return ($attempts === null ? [] : ['retries' => max(0, (int) $attempts - 1)])
        + ($delay === null ? [] : ['retryDelay' => (int) $delay, 'backoff' => 'fixed']);
}
