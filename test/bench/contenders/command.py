"""A job of Jobspool in Python, by both protocols: it notes that it ran, and is done."""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "jobs", "commands"))
from jobspool_handler import serve

tally = open(os.path.join(os.environ["BENCH_TALLY"], str(os.getpid())), "ab", buffering=0)


def work(order):
    tally.write(struct.pack("<dd", time.monotonic_ns() / 1e6, order["number"]))
    time.sleep(order["workMs"] / 1000)


serve({"work": work})
