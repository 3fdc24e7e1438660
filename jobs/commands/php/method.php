<?php

declare(strict_types=1);

namespace Jobspool;

/**
 * The method that a job asks for. The runner has looked both names up in the allow-list; here it is made sure that they are names of something
 * to be called: a class that exists in just this spelling, that can be made, and a public method of it that PHP does not call itself.
 *
 * @throws HandlerNotFound with a sentence that says what is missing
 */
function findMethod(string $class, string $method): \ReflectionMethod
{
    if (!class_exists($class)) {
        throw new HandlerNotFound("class $class is on the allow-list, but PHP finds no such class: is its name spelt right, and does the autoloader know it?");
    }
    $found = new \ReflectionClass($class);
    if ($found->getName() !== $class) {
        throw new HandlerNotFound("class $class is on the allow-list, but its name is {$found->getName()}");
    }
    if (!$found->isInstantiable()) {
        throw new HandlerNotFound("class $class is on the allow-list, but no object can be made of it: it is abstract, or its constructor is not public");
    }
    if (!$found->hasMethod($method) || $found->getMethod($method)->getName() !== $method) {
        throw new HandlerNotFound("method $method of class $class is on the allow-list, but the class has no such method");
    }
    if (!$found->getMethod($method)->isPublic() || str_starts_with($method, '__')) {
        throw new HandlerNotFound("method $method of class $class is on the allow-list, but it cannot be called: expected a public method that is not one of PHP's own (__…)");
    }
    return $found->getMethod($method);
}

/**
 * Those of the params that the constructor names, and those that are left for the method. What both want both get. Params without names are
 * the method's.
 *
 * @param array<mixed> $params
 *
 * @return array{array<string, mixed>, array<mixed>}
 */
function splitParams(string $class, \ReflectionMethod $method, array $params): array
{
    // The method may be one that it inherits.
    $constructor = (new \ReflectionClass($class))->getConstructor();
    $wanted = array_intersect_key($params, array_flip(parameterNames($constructor?->getParameters() ?? [])));
    $own = array_flip(parameterNames($method->getParameters()));
    return [$wanted, array_diff_key($params, array_diff_key($wanted, $own))];
}

/**
 * An object of the class, made of those params that its constructor names, and the params that are left for the method.
 *
 * @param array<mixed> $params
 *
 * @return array{object, array<mixed>}
 *
 * @throws HandlerNotFound when the constructor wants what the params do not have
 */
function makeObject(string $name, \ReflectionMethod $method, array $params): array
{
    $class = new \ReflectionClass($name);
    [$wanted, $left] = splitParams($name, $method, $params);
    foreach ($class->getConstructor()?->getParameters() ?? [] as $parameter) {
        if (!array_key_exists($parameter->getName(), $wanted) && !$parameter->isOptional()) {
            throw new HandlerNotFound("class $name cannot be made: its constructor wants \${$parameter->getName()}, and the params have no such name");
        }
    }
    return [$class->newInstanceArgs($wanted), $left];
}
