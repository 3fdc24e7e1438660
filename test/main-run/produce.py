"""Enqueues a list of JSON lines from stdin through the Python producer, and prints the jobs' ids in their order."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "spool" / "producers"))
from jobspool import run_background_job  # noqa: E402

for line in sys.stdin:
    job = json.loads(line)
    body = job["body"]
    print(run_background_job(body["class"], body["method"], body["params"], priority=job["priority"], delay=job["delay"]))
