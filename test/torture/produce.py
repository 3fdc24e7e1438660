"""A producer of the torture that knows nothing but spool/README.md: it writes files by hand. What it notes, produce.ts says.

usage: python3 produce.py NAME SEED LOG RATE SPOOL, and the kinds as JSON on stdin
"""
import json
import os
import random
import signal
import sys
import time

name, seed, log, rate, spool = sys.argv[1:6]
kinds = json.load(sys.stdin)
dice = random.Random(f"{seed}:{name}")
notes = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
cancels = []
count = 0
over = False


def stop(*_):
    global over
    over = True


signal.signal(signal.SIGTERM, stop)


def note(line):
    os.write(notes, (line + "\n").encode())


def publish(key, file_name, *bodies):
    draft = f"{spool}/tmp/{key}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8") as file:
        for body in bodies:
            file.write(json.dumps(body) + "\n")
    os.rename(draft, f"{spool}/incoming/{file_name}")


def make(kind):
    global count
    count += 1
    key = f"{kind['name']}.{name}.{count}"
    params = [key]
    if "arg" in kind:
        params.append(dice.randint(*kind["arg"]) + (int(time.time() * 1000) if kind.get("argIsTime") else 0))
    return key, {"class": kind["class"], "method": kind["method"], "params": params, **kind.get("policy", {})}


def submit(key, job_id, file_name, body):
    note(f"I {key} {job_id}")
    publish(key, file_name, body)
    note(f"A {key} {job_id}")


def produce(kind):
    key, body = make(kind)
    when = str(int(time.time() * 1000) + dice.randint(*kind["delayMs"])) if "delayMs" in kind else "now"
    # A name that is no more than an id is as good as p5-now-<id>.
    plain = kind.get("twin") or (when == "now" and dice.random() < 0.2)
    submit(key, key, f"{key}.json" if plain else f"p{dice.randint(1, 10)}-{when}-{key}.json", body)
    if kind.get("twin"):
        other, again = make(kind)
        submit(other, key, f"p5-now-{key}.json", again)
    if "cancelAfterMs" in kind:
        cancels.append((time.monotonic() + dice.randint(*kind["cancelAfterMs"]) / 1000, key))


def produce_batch(mode):
    chosen = pick([kind for kind in kinds if kind.get("inBatches") == mode], dice.randint(2, 40))
    lines = [make(kind) for kind in chosen]
    batch = f"lines.{name}.{count}"
    for number, (key, _) in enumerate(lines, 1):
        note(f"I {key} {batch}.{number}")
    publish(batch, f"p{dice.randint(1, 10)}-now-{batch}.ndjson", *[body for _, body in lines])
    for number, (key, _) in enumerate(lines, 1):
        note(f"A {key} {batch}.{number}")
    if "cancelAfterMs" in chosen[0]:
        cancels.append((time.monotonic() + dice.randint(*chosen[0]["cancelAfterMs"]) / 1000, batch))


def pick(some, number):
    return dice.choices(some, [kind["weight"] for kind in some], k=number)


def cancel_due():
    while cancels and cancels[0][0] <= time.monotonic():
        _, job_id = cancels.pop(0)
        note(f"C {job_id}")
        open(f"{spool}/cancel/{job_id}", "a").close()


def waiting():
    return len(os.listdir(f"{spool}/incoming")) + sum("-cancelwaiting" not in file for file in os.listdir(f"{spool}/pending"))


while not over:
    if dice.random() < 0.04:
        produce_batch(dice.choice(["file", "file", "cancelled file"]))
    else:
        produce(pick([kind for kind in kinds if "inBatches" not in kind], 1)[0])
    cancel_due()
    time.sleep(2 * dice.random() / float(rate))
    while not over and count % 20 == 0 and waiting() > 400:
        time.sleep(0.2)
        cancel_due()
