#!/usr/bin/env python3
"""Counts the lines, words and bytes of a file. A command handler: any program that keeps this contract is one.

The request comes as JSON on stdin. The result goes as JSON into the file $JOBSPOOL_RESULT, progress (0 to 100) into
$JOBSPOOL_PROGRESS. Exit 0: completed; 75: not now, try later; 100: failed for good; anything else: failed, retry.
What is printed stands in the job's log.
"""
import json
import os
import sys
import time

RETRY_LATER, PERMANENT = 75, 100


def count(path):
    """The lines, words and bytes of the file at ``path``, as ``wc`` counts them."""
    size = max(1, os.path.getsize(path))
    lines = words = done = 0
    report = progress_reporter()
    with open(path, "rb") as file:
        for line in file:
            lines += line.endswith(b"\n")
            words += len(line.split())
            done += len(line)
            report(100 * done / size)
    return {"lines": lines, "words": words, "bytes": done}


def progress_reporter(every=0.25):
    """A function that writes a percentage to $JOBSPOOL_PROGRESS, at most once in ``every`` seconds."""
    written = float("-inf")

    def report(percent):
        nonlocal written
        if time.monotonic() - written < every:
            return
        written = time.monotonic()
        with open(os.environ["JOBSPOOL_PROGRESS"], "w") as file:
            file.write(f"{min(percent, 100):.1f}\n")

    return report


def main():
    request = json.load(sys.stdin)
    path = request["params"]["path"]
    try:
        result = count(path)
    except FileNotFoundError:
        print(f"count {path}: there is no such file yet; the job is put off and runs again later", file=sys.stderr)
        return RETRY_LATER
    except IsADirectoryError:
        print(f"count {path}: expected a file, got a folder; no retry would change that", file=sys.stderr)
        return PERMANENT
    with open(os.environ["JOBSPOOL_RESULT"], "w") as file:
        json.dump(result, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
