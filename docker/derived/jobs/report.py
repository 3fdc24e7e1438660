"""A command handler: the request comes on standard input, the result goes to the file that JOBSPOOL_RESULT names."""

import json
import os
import sys

request = json.load(sys.stdin)
print(f"report for {request['params']}")
with open(os.environ["JOBSPOOL_RESULT"], "w") as result:
    json.dump({"year": request["params"][0], "attempt": request["attempt"]}, result)
