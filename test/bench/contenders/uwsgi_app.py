"""The uWSGI spooler's side of the benchmark: the handler, and a producer that takes orders over HTTP on a socket (uwsgi.spool works only inside uWSGI)."""

import json
import os
import struct
import time

import uwsgi

TALLY = os.environ["BENCH_TALLY"]
tally_file = None


def ran(number):
    global tally_file
    if tally_file is None or tally_file[0] != os.getpid():
        tally_file = (os.getpid(), os.open(f"{TALLY}/{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
    os.write(tally_file[1], struct.pack("<dd", time.monotonic() * 1000, number))


def spooler(env):
    number = int(env[b"number"])
    ran(number)
    # The spooler keeps no count of attempts.
    if env[b"fails"] == b"1" and is_first(number):
        return uwsgi.SPOOL_RETRY
    if env[b"work"] != b"0":
        time.sleep(int(env[b"work"]) / 1000)
    return uwsgi.SPOOL_OK


def is_first(number):
    try:
        os.close(os.open(f"{TALLY}/../failed-{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


uwsgi.spooler = spooler


def application(environ, start_response):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    answer = produce(json.loads(environ["wsgi.input"].read(length))) if length else {"spoolers": list(uwsgi.spooler_pids())}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


def produce(order):
    gaps = order["how"].get("gapsMs")
    every = order["failEvery"]
    common = {b"work": str(order["workMs"]).encode(), b"payload": b"x" * order["payloadBytes"]}
    if order.get("at"):
        common[b"at"] = str(-(-order["at"] // 1000)).encode()
    submitted = []
    started = time.monotonic() * 1000
    for index in range(order["count"]):
        number = order["first"] + index
        if gaps:
            time.sleep(gaps[index % len(gaps)] / 1000)
            submitted.append(time.monotonic() * 1000)
        fails = b"1" if every and number % every == 0 else b"0"
        uwsgi.spool({b"number": str(number).encode(), b"fails": fails, **common})
    return {"startedAt": started, "endedAt": time.monotonic() * 1000, "submittedAt": submitted}
