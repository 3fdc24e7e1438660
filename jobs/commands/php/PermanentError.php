<?php

declare(strict_types=1);

namespace Jobspool;

/** The failure is final: the job fails without a retry. */
class PermanentError extends \RuntimeException
{
}
