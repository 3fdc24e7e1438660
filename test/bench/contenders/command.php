<?php
// A job of Jobspool in PHP, by both protocols: it notes that it ran, and is done.
$work = function (array $order): void {
    $record = pack('e2', hrtime(true) / 1e6, (float) $order['number']);
    file_put_contents(getenv('BENCH_TALLY') . '/' . getmypid(), $record, FILE_APPEND);
    usleep((int) $order['workMs'] * 1000);
};
if (getenv('JOBSPOOL_PROTOCOL') !== 'lines') {
    $work(json_decode(stream_get_contents(STDIN), true)['params'][0]);
    exit(0);
}
while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, true);
    $work($request['params'][0]);
    echo json_encode(['id' => $request['id'], 'outcome' => 'completed']), "\n";
}
