<?php

declare(strict_types=1);

namespace Jobspool;

/** The allow-list names a class or method that PHP does not know, or that is not there to be called. Another attempt would not find it. */
final class HandlerNotFound extends PermanentError
{
}
