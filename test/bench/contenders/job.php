<?php
// One job of a runner that starts a process for each: it notes that it ran, and is done.
[, $number, $workMs] = $argv;
$record = pack('e2', hrtime(true) / 1e6, (float) $number);
file_put_contents(getenv('BENCH_TALLY') . '/php', $record, FILE_APPEND);
usleep((int) $workMs * 1000);
