"""One job of a runner that starts a process for each: it notes that it ran, and is done."""
import os
import struct
import sys
import time

number, work_ms = map(float, sys.argv[1:3])
with open(os.path.join(os.environ["BENCH_TALLY"], "python"), "ab", buffering=0) as tally:
    tally.write(struct.pack("<dd", time.monotonic_ns() / 1e6, number))
time.sleep(work_ms / 1000)
