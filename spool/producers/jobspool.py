#!/usr/bin/env python3
"""Enqueues jobs for Jobspool, with the standard library alone (Python 3.8 or newer).

usage: python3 jobspool.py [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
                           [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]
"""
import argparse
import json
import os
import re
import secrets
import sys
from datetime import datetime, timedelta, timezone

_ID_RULE = "an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit"


def run_background_job(
    cls, method="handle", params=None, *, priority=5, delay=0, at=None, retries=None, id=None, traceparent=None, tracestate=None, spool=None
):
    """Enqueue a job and return its id. Once it returns, the job is acknowledged: not even a power cut loses it.

    ``params`` is a list of positional arguments, or a dict passed as one argument; ``priority`` 1 to 10, higher runs first;
    ``delay`` in seconds, or ``at`` an aware datetime; ``retries`` the attempts after the first (None: the method's own); ``id`` one of
    your own; ``traceparent`` and ``tracestate`` those of W3C Trace Context; ``spool`` the folder (default: $JOBSPOOL_DIR, else
    ./var/spool). Raises ValueError or TypeError for a wrong argument, OSError when the spool cannot be written (FileExistsError: a
    request of that id waits already).
    """
    # Not 8.0 nor True, which are in the range as well: the file would have them in its name.
    if type(priority) is not int or not 1 <= priority <= 10:
        raise ValueError(f"priority: expected a whole number from 1 to 10, got {priority!r}")
    if retries is not None and not (type(retries) is int and retries >= 0):
        raise ValueError(f"retries: expected a whole number from 0 on, got {retries!r}")
    if id is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", id):
        raise ValueError(f"id: {_ID_RULE}; got {id!r}")
    if not (params is None or isinstance(params, (list, tuple, dict))):
        raise ValueError(f"params: expected a list or a dict, got {params!r}")
    fields = {"retries": retries, "traceparent": traceparent, "tracestate": tracestate}
    body = {"class": cls, "method": method, "params": [] if params is None else params}
    body.update((name, value) for name, value in fields.items() if value is not None)
    text = json.dumps(body, allow_nan=False)

    now = datetime.now(timezone.utc)
    job_id = id or f"{_stamp(now)}-{secrets.token_hex(3)}"
    name = f"p{priority}-{_run_at(now, delay, at)}-{job_id}.json"
    _publish(spool or os.environ.get("JOBSPOOL_DIR") or "./var/spool", name, text, may_replace=id is None)
    return job_id


def _run_at(now, delay, at):
    if not delay >= 0:
        raise ValueError(f"delay: expected a number of seconds from 0 on, got {delay!r}")
    if at is None:
        return _stamp(now + timedelta(seconds=delay))[:-4] + "Z" if delay else "now"
    if delay:
        raise ValueError("expected a delay or a time (at), got both")
    if at.tzinfo is None:
        raise ValueError(f"at: expected a time with a time zone, got {at!r}")
    return _stamp(at.astimezone(timezone.utc))[:-4] + "Z"


def _stamp(time):
    return time.strftime("%Y%m%dT%H%M%S.%fZ")


def _publish(spool, name, text, may_replace):
    incoming = os.path.join(spool, "incoming")
    if not os.path.isdir(incoming):
        raise FileNotFoundError(f"enqueue a job: expected a spool in {spool}, found none; start the service once, or set JOBSPOOL_DIR")
    draft = os.path.join(spool, "tmp", f"{name}.{secrets.token_hex(3)}")
    is_ours = False
    try:
        with open(draft, "x", encoding="utf-8", opener=_shared) as file:
            is_ours = True
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        # An id of the caller's own may be there already: a rename would replace that request, a link does not.
        (os.rename if may_replace else os.link)(draft, os.path.join(incoming, name))
    except OSError as error:
        raise type(error)(error.errno, f"{error.strerror}; nothing was enqueued", draft, None, error.filename2) from error
    finally:
        if is_ours and os.path.exists(draft):
            os.unlink(draft)
    # The name itself survives a power cut once its folder is synced; Windows syncs no folders.
    if os.name == "posix":
        folder = os.open(incoming, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            raise type(error)(error.errno, f"{error.strerror}; a power cut may lose the job still", incoming) from error
        finally:
            os.close(folder)


def _shared(path, flags):
    """The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it."""
    descriptor = os.open(path, flags, 0o640)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o640)
    return descriptor


def _time(text):
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", text):
            return datetime.fromisoformat(text[:-1] + "+00:00")
    except ValueError:
        pass  # A day that the calendar does not have.
    raise ValueError(f"at: expected a UTC time such as 2026-11-22T10:15:00Z, got {text!r}")


def main():
    parser = argparse.ArgumentParser(description="Enqueue a job for Jobspool and print its id.")
    parser.add_argument("cls", metavar="CLASS")
    parser.add_argument("method", metavar="METHOD", nargs="?", default="handle")
    parser.add_argument("params", metavar="PARAMS-AS-JSON", nargs="?", default="[]")
    for name, kind in {"priority": int, "delay": float, "at": str, "retries": int, "id": str, "traceparent": str, "tracestate": str}.items():
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    try:
        if "at" in options:
            options["at"] = _time(options["at"])
        options["params"] = json.loads(options["params"])
        print(run_background_job(options.pop("cls"), **options))
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
