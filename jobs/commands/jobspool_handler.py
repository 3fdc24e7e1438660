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
A child that a handler forks ends for itself: it answers for no job. With multiprocessing, which may import the file anew in
its children: `if __name__ == "__main__": serve()`.
"""
import contextlib
import json
import os
import re
import signal
import sys
import time

__all__ = ["Cancelled", "PermanentFailure", "RetryLater", "handler", "job", "serve"]

_RETRY_LATER, _PERMANENT = 75, 100
_TERMINATED = 128 + signal.SIGTERM
_PROGRESS_EVERY = 0.25
_DELAY = re.compile(r"\d+(\.\d+)?(ms|[smhd])?")
# No more is kept of an error, and what is longer than a result may be would be lost.
_MAX_TEXT = 16_384


class PermanentFailure(Exception):
    """The job fails, and is not retried."""


class RetryLater(Exception):
    """Not now: the job runs again after the delay (seconds, or a text such as "10m") and spends no attempt. Without one,
    after the method's retryDelay."""

    def __init__(self, delay=None, message="the job puts itself off"):
        # Here, where the mistake is made, and not in the answer, which cannot tell where that was.
        if delay is not None and not _is_delay(delay):
            raise ValueError(f"RetryLater: expected a delay of seconds, or such as 500ms, 5s, 2m or 1h, got {delay!r}")
        super().__init__(message)
        self.delay = delay


def _is_delay(value):
    return 0 <= value < float("inf") if isinstance(value, (int, float)) else bool(_DELAY.fullmatch(str(value)))


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
    _print_as_utf8()
    stop = _Stop(raises)
    signal.signal(signal.SIGTERM, stop.hear)
    while True:
        with stop.may_exit():
            request = wire.next()
        if request is None:
            sys.exit(0)
        wire.answer(request, _run(request, wire, stop))


# The log is UTF-8, whatever the locale is, and no job fails because of what it prints.
def _print_as_utf8():
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _run(request, wire, stop):
    global _job
    process = os.getpid()
    _job = Job(request, lambda percent: wire.progress(request, percent))
    try:
        function = _find(request["class"], request["method"])
        params = request["params"]
        with stop.may_cancel(_job):
            result = function(*params) if isinstance(params, list) else function(**params)
        answer = {"outcome": "completed", "result": result}
    except BaseException as error:
        if os.getpid() != process:
            raise
        answer = _outcome_of(error)
    finally:
        _job = None
        stop.leave_if_cancelled()
    if os.getpid() != process:
        # A child that the handler has forked and let return. It must not answer for the job, nor read the next.
        sys.exit(0)
    return answer


def _find(class_name, method):
    function = _handlers.get(f"{class_name}.{method}") or _handlers.get(method)
    if function is None:
        known = ", ".join(sorted(_handlers)) or "none"
        raise PermanentFailure(f"no handler is registered for {class_name}.{method}; registered: {known}")
    return function


def _outcome_of(error):
    if isinstance(error, SystemExit):
        return _outcome_of_exit(error)
    if isinstance(error, RetryLater):
        return {"outcome": "snoozed", **({} if error.delay is None else {"delay": error.delay}), "reason": str(error)}
    if isinstance(error, Exception):
        return _failure(error, str(error), isinstance(error, PermanentFailure))
    raise error


# What a handler means that calls sys.exit() is the same with both protocols.
def _outcome_of_exit(error):
    if error.code is None or error.code == 0:
        return {"outcome": "completed", "result": None}
    if error.code == _RETRY_LATER:
        return {"outcome": "snoozed", "reason": "the handler exited with code 75"}
    return _failure(error, f"the handler exited with {error.code!r}", error.code == _PERMANENT)


def _failure(error, message, permanent):
    # Loaded when it is needed: it takes longer than all else here, and most jobs do not fail.
    import traceback

    stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    # retryOn and noRetryOn of the allow-list know it by the classes that it extends too.
    names = [one.__name__ for one in type(error).__mro__[1:-1]]
    # Of a stack the end says what went wrong.
    record = {"name": type(error).__name__, "message": message[:_MAX_TEXT], "stack": stack[-_MAX_TEXT:], "names": names}
    return {"outcome": "failed", "error": record, "permanent": permanent}


class _Stop:
    """SIGTERM, which means another thing at each moment."""

    def __init__(self, raises):
        self._process = os.getpid()
        self._raises = raises
        self._on_term = None
        self._came = False

    def hear(self, *_):
        # A child that a handler has forked, to which nothing of this applies: multiprocessing ends its own so.
        if os.getpid() != self._process:
            sys.exit(_TERMINATED)
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

    @contextlib.contextmanager
    def _while(self, on_term):
        self._on_term = on_term
        try:
            if self._came:
                on_term()
            yield
        finally:
            self._on_term = None


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

    def next(self):
        # A job has closed what the next one would print to: that gets a new process.
        if any(getattr(stream, "closed", False) for stream in (sys.stdout, sys.stderr)):
            return None
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
        # Bytes: as text they would be of the locale's encoding.
        return json.load(sys.stdin.buffer)

    def progress(self, _, percent):
        self._write("JOBSPOOL_PROGRESS", f"{percent}\n")

    def answer(self, _, answer):
        if answer["outcome"] == "completed":
            text = _text(answer["result"])
            if text is not None:
                self._write("JOBSPOOL_RESULT", text)
            sys.exit(0)
        if answer["outcome"] == "snoozed":
            if "delay" in answer:
                self._write("JOBSPOOL_RESULT", json.dumps({"delay": answer["delay"]}))
            print(answer["reason"], file=sys.stderr)
            sys.exit(_RETRY_LATER)
        self._write("JOBSPOOL_RESULT", json.dumps({"error": answer["error"]}))
        print(answer["error"]["stack"], end="", file=sys.stderr)
        sys.exit(_PERMANENT if answer["permanent"] else 1)

    # Where the variable is not set, somebody tries the command out by hand.
    @staticmethod
    def _write(variable, text):
        if variable in os.environ:
            with open(os.environ[variable], "w") as file:
                file.write(text)


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
