#!/usr/bin/env python3
"""Enqueues jobs for Jobspool, with the standard library alone (Python 3.8 or newer).

usage: python3 jobspool.py CLASS [METHOD [PARAMS-AS-JSON]]
"""
import json
import os
import secrets
import sys
from datetime import datetime, timedelta, timezone


def run_background_job(cls, method="handle", params=None, *, priority=5, delay=0, retries=None, spool=None):
    """Enqueue a job and return its id. Once it returns, the job is acknowledged: not even a power cut loses it.

    ``params`` is a list of positional arguments, or a dict passed as one argument; ``priority`` 1 to 10, higher runs first;
    ``delay`` in seconds; ``retries`` the attempts after the first (None: the method's own); ``spool`` the folder (default:
    $JOBSPOOL_DIR, else ./var/spool). Raises ValueError or TypeError for a wrong argument, OSError when the spool cannot be written.
    """
    if priority not in range(1, 11):
        raise ValueError(f"priority: expected a whole number from 1 to 10, got {priority!r}")
    body = {"class": cls, "method": method, "params": [] if params is None else params}
    if retries is not None:
        body["retries"] = retries
    text = json.dumps(body, allow_nan=False)
    now = datetime.now(timezone.utc)
    run_at = _stamp(now + timedelta(seconds=delay))[:-4] + "Z" if delay else "now"
    job_id = f"{_stamp(now)}-{secrets.token_hex(3)}"
    _publish(spool or os.environ.get("JOBSPOOL_DIR") or "./var/spool", f"p{priority}-{run_at}-{job_id}.json", text)
    return job_id


def _stamp(time):
    return time.strftime("%Y%m%dT%H%M%S.%fZ")


def _publish(spool, name, text):
    draft = os.path.join(spool, "tmp", name)
    with open(draft, "x", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    incoming = os.path.join(spool, "incoming")
    os.rename(draft, os.path.join(incoming, name))
    if os.name == "posix":
        folder = os.open(incoming, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__.strip().splitlines()[-1])
    print(run_background_job(*sys.argv[1:3], **({"params": json.loads(sys.argv[3])} if len(sys.argv) == 4 else {})))
