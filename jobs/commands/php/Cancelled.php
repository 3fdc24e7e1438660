<?php

declare(strict_types=1);

namespace Jobspool;

/**
 * Thrown into a job that is cancelled, late, or runs when the service stops, wherever it is just then. Clean up in `finally`; who catches it
 * and goes on is killed after the kill grace.
 */
final class Cancelled extends \RuntimeException
{
}
