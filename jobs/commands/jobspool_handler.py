"""Handlers of Jobspool jobs in Python: one file, no dependencies, Python 3.8 or newer. Copy it beside your handlers.

    from jobspool_handler import PermanentFailure, RetryLater, handler, job, serve

    @handler("Report.build")                    # or "build": that method of every class
    def build(path, draft=False):
        job().progress(50)
        return {"pages": 12}                    # the job's result, as JSON

    serve()

    { "Report": { "command": ["python3", "report.py"], "protocol": "lines", "methods": { "build": {} } } }

With `"protocol": "lines"` in the allow-list the process is kept and runs job after job; without it, it is started for
each job. The handlers are the same. Params that are an array are positional arguments, an object is named ones.

An exception is a failed attempt, `PermanentFailure` one that is not retried, `RetryLater` puts the job off and spends no
attempt. A cancelled or late job gets `Cancelled` raised where it is (with `serve(raises=False)` only `job().is_cancelled`
becomes true); what does not end within the service's kill grace is killed. What is printed stands in the job's log.
"""
import json
import os
import signal
import sys
import time

__all__ = ["Cancelled", "PermanentFailure", "RetryLater", "handler", "job", "serve"]

_RETRY_LATER, _PERMANENT = 75, 100
_TERMINATED = 128 + signal.SIGTERM
_PROGRESS_EVERY = 0.25


class PermanentFailure(Exception):
    """The job fails, and is not retried."""


class RetryLater(Exception):
    """Not now: the job runs again later and spends no attempt. Only with the protocol "lines" is the delay heard
    (seconds, or a text such as "10m"); otherwise, and without one, it is the method's retryDelay."""

    def __init__(self, delay=None, message="the job puts itself off"):
        super().__init__(message)
        self.delay = delay


class Cancelled(BaseException):
    """The job was cancelled or takes too long, or the service stops. No `except Exception` catches it; `finally` runs."""


class Job:
    """What a handler knows of the attempt that it runs."""

    def __init__(self, request, report):
        self.id = request["id"]
        self.class_name = request["class"]
        self.method = request["method"]
        self.params = request["params"]
        self.attempt = request["attempt"]
        self.traceparent = request.get("traceparent") or os.environ.get("TRACEPARENT")
        self.tracestate = request.get("tracestate") or os.environ.get("TRACESTATE")
        self.is_cancelled = False
        self._report = report
        self._reported = float("-inf")

    def progress(self, percent):
        """Says how much is done, 0 to 100. Cheap: at most four times a second it is told."""
        now = time.monotonic()
        if percent < 100 and now - self._reported < _PROGRESS_EVERY:
            return
        self._reported = now
        self._report(percent)


_handlers = {}
_job = None


def handler(name):
    """Registers a function for `Class.method`, or for `method` of every class."""

    def register(function):
        _handlers[name] = function
        return function

    return register


def job():
    """The job that runs."""
    if _job is None:
        raise RuntimeError("job(): no job runs; it is known only while a handler does")
    return _job


def serve(handlers=None, raises=True):
    """Runs the job that the process was started for, or job after job until the runner ends it. Does not return."""
    _handlers.update(handlers or {})
    wire = _Lines() if os.environ.get("JOBSPOOL_PROTOCOL") == "lines" else _Once()
    stop = _Stop(raises)
    signal.signal(signal.SIGTERM, stop.hear)
    while True:
        with stop.may_exit():
            request = wire.next()
        if request is None:
            sys.exit(0)
        wire.answer(request, _run(request, wire, stop))


def _run(request, wire, stop):
    global _job
    _job = Job(request, lambda percent: wire.progress(request, percent))
    try:
        function = _find(request["class"], request["method"])
        params = request["params"]
        with stop.may_cancel(_job):
            result = function(*params) if isinstance(params, list) else function(**params)
        return {"outcome": "completed", "result": result}
    except SystemExit as exit:
        return _outcome_of_exit(exit.code)
    except RetryLater as later:
        return {"outcome": "snoozed", **({} if later.delay is None else {"delay": later.delay}), "reason": str(later)}
    except Exception as error:
        return _failure(error, isinstance(error, PermanentFailure))
    finally:
        _job = None
        stop.leave_if_cancelled()


def _find(class_name, method):
    function = _handlers.get(f"{class_name}.{method}") or _handlers.get(method)
    if function is None:
        known = ", ".join(sorted(_handlers)) or "none"
        raise PermanentFailure(f"no handler is registered for {class_name}.{method}; registered: {known}")
    return function


def _failure(error, permanent):
    # Loaded when it is needed: it takes longer than all else here, and most jobs do not fail.
    import traceback

    record = {"name": type(error).__name__, "message": str(error), "stack": traceback.format_exc()}
    return {"outcome": "failed", "error": record, "permanent": permanent}


# What a handler means that calls sys.exit() is the same with both protocols.
def _outcome_of_exit(code):
    if code is None or code == 0:
        return {"outcome": "completed", "result": None}
    if code == _RETRY_LATER:
        return {"outcome": "snoozed", "reason": "the handler exited with code 75"}
    error = {"name": "SystemExit", "message": f"the handler exited with {code!r}"}
    return {"outcome": "failed", "error": error, "permanent": code == _PERMANENT}


class _Stop:
    """SIGTERM, which means another thing at each moment."""

    def __init__(self, raises):
        self._raises = raises
        self._on_term = None
        self._came = False

    def hear(self, *_):
        # Only the first: a handler that cleans up must not be interrupted again.
        if self._came:
            return
        self._came = True
        if self._on_term:
            self._on_term()

    def may_exit(self):
        """While the process waits for a job, it just leaves."""
        return self._while(lambda: sys.exit(0))

    def may_cancel(self, running):
        """While a handler runs, it is told."""

        def cancel():
            running.is_cancelled = True
            if self._raises:
                raise Cancelled("the job was told to stop")

        return self._while(cancel)

    def leave_if_cancelled(self):
        """The runner has decided how the job ends, and expects no answer."""
        if self._came:
            sys.exit(_TERMINATED)

    def _while(self, on_term):
        stop = self

        class While:
            def __enter__(self):
                stop._on_term = on_term
                if stop._came:
                    on_term()

            def __exit__(self, *_):
                stop._on_term = None

        return While()


class _Lines:
    """The process is kept: a line of JSON for each job on stdin, an answer for each on stdout."""

    def __init__(self):
        # The wire is ours alone. What handlers and their children print goes to standard error, which is the log's, and
        # nobody reads the next job but we.
        self._requests = os.fdopen(os.dup(0), "rb")
        self._answers = os.fdopen(os.dup(1), "wb", buffering=0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)

    def next(self):
        line = self._requests.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def progress(self, request, percent):
        self._write({"id": request["id"], "progress": percent})

    def answer(self, request, answer):
        _flush()
        answer.pop("reason", None)
        if _text(answer.get("result")) is None:
            answer.pop("result", None)
        self._write({"id": request["id"], **answer})

    def _write(self, fields):
        rest = json.dumps(fields).encode() + b"\n"
        while rest:
            rest = rest[self._answers.write(rest) :]


class _Once:
    """The process was started for one job: its request is all of stdin, its outcome the exit code."""

    def __init__(self):
        self._is_served = False

    def next(self):
        if self._is_served:
            return None
        self._is_served = True
        return json.load(sys.stdin)

    def progress(self, _, percent):
        with open(os.environ["JOBSPOOL_PROGRESS"], "w") as file:
            file.write(f"{percent}\n")

    def answer(self, _, answer):
        if answer["outcome"] == "completed":
            text = _text(answer["result"])
            if text is not None:
                with open(os.environ["JOBSPOOL_RESULT"], "w") as file:
                    file.write(text)
            sys.exit(0)
        if answer["outcome"] == "snoozed":
            print(answer["reason"], file=sys.stderr)
            sys.exit(_RETRY_LATER)
        error = answer["error"]
        print(error.get("stack") or error["message"], file=sys.stderr)
        sys.exit(_PERMANENT if answer["permanent"] else 1)


# The work is done, whatever it returned: what JSON cannot hold is left out, and said.
def _text(result):
    if result is None:
        return None
    try:
        return json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        print(f"the result is left out: expected a value that JSON can hold: {error}", file=sys.stderr)
        return None


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
