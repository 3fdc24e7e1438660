<?php
// The application of the tests, with a class whose job notes that it ran, and is done.
$fixture = dirname(__DIR__, 3) . '/fixtures/laravel';
require_once "$fixture/vendor/autoload.php";
require_once dirname(__DIR__, 4) . '/jobs/commands/laravel/load.php';

class Bench
{
    public function work(array $order): void
    {
        $record = pack('e2', hrtime(true) / 1e6, (float) $order['number']);
        file_put_contents(getenv('BENCH_TALLY') . '/' . getmypid(), $record, FILE_APPEND);
        usleep((int) $order['workMs'] * 1000);
    }
}

$app = new Illuminate\Foundation\Application($fixture);
$app->singleton(Illuminate\Contracts\Console\Kernel::class, App\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, App\Exceptions\Handler::class);

return $app;
