<?php

declare(strict_types=1);

namespace Jobspool;

/**
 * A job's params as arguments of a function, by their names. String keys are names; a list is in the order of the parameters, those that a
 * container fills (of a class or interface) left out where `$skipsClasses`. A function that takes one array, and none of the names, gets the
 * params whole.
 *
 * @param array<mixed> $params
 *
 * @return array<mixed> what is left over in a list belongs to a variadic parameter, and has numbers
 *
 * @throws \ArgumentCountError for a name that the function does not know
 */
function argumentsFor(\ReflectionFunctionAbstract $function, array $params, bool $skipsClasses = false): array
{
    if (array_is_list($params) && !$skipsClasses) {
        return $params;
    }
    $takes = array_filter($function->getParameters(), static fn (\ReflectionParameter $one) => !$one->isVariadic() && !($skipsClasses && isOfClass($one)));
    $names = parameterNames(array_values($takes));
    if (array_is_list($params)) {
        $named = array_combine(array_slice($names, 0, count($params)), array_slice($params, 0, count($names)));
        return $named + array_slice($params, count($names));
    }
    // One that a container would fill may be given by its name all the same.
    $all = parameterNames($function->getParameters());
    $unknown = array_diff(array_keys($params), $all);
    if ($unknown === [] || $function->isVariadic()) {
        return $params;
    }
    if (count($names) === 1 && count($unknown) === count($params) && takesArray(array_values($takes)[0])) {
        return [$names[0] => $params];
    }
    throw new \ArgumentCountError(sprintf(
        '%s() takes no parameter %s; it takes %s',
        $function instanceof \ReflectionMethod ? "{$function->class}::{$function->name}" : $function->name,
        implode(', ', $unknown),
        implode(', ', $all) ?: 'none',
    ));
}

/**
 * @param list<\ReflectionParameter> $parameters
 *
 * @return list<string>
 */
function parameterNames(array $parameters): array
{
    return array_map(static fn (\ReflectionParameter $one) => $one->getName(), $parameters);
}

function takesArray(\ReflectionParameter $parameter): bool
{
    $type = $parameter->getType();
    return $type === null || ($type instanceof \ReflectionNamedType && in_array($type->getName(), ['array', 'iterable', 'mixed'], true));
}

function isOfClass(\ReflectionParameter $parameter): bool
{
    $type = $parameter->getType();
    return $type instanceof \ReflectionNamedType && !$type->isBuiltin();
}
