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
    // The method may be one that it inherits.
    $class = new \ReflectionClass($name);
    $wanted = [];
    foreach ($class->getConstructor()?->getParameters() ?? [] as $parameter) {
        $given = $parameter->getName();
        if (array_key_exists($given, $params)) {
            $wanted[$given] = $params[$given];
        } elseif (!$parameter->isOptional()) {
            throw new HandlerNotFound("class $name cannot be made: its constructor wants \$$given, and the params have no such name");
        }
    }
    // What both want both get.
    $own = array_map(static fn (\ReflectionParameter $one) => $one->getName(), $method->getParameters());
    return [$class->newInstanceArgs($wanted), array_diff_key($params, array_diff_key($wanted, array_flip($own)))];
}
