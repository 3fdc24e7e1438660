<?php
// One job of a runner that starts `php artisan` for each.
[, $number, $workMs] = $argv;
$app = require __DIR__ . '/app.php';
$kernel = $app->make(Illuminate\Contracts\Console\Kernel::class);
$kernel->command('bench:work {number} {workMs}', function ($number, $workMs) {
    $this->laravel->make(Bench::class)->work(['number' => $number, 'workMs' => $workMs]);
});
exit($kernel->handle(new Symfony\Component\Console\Input\ArrayInput(['command' => 'bench:work', 'number' => $number, 'workMs' => $workMs])));
