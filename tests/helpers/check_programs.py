"""Check programs in a pool, as another user if told to: one JSON request in, verdicts out.

    {"uid": 65534, "python": "/usr/bin/python3", "isolation": "...", "seconds": 3, "programs": [{...}]}
    {"isolation": "...", "verdicts": [{...}]}

All is imported before the user changes: an ordinary user may not enter the folder of root's Python.
"""

import concurrent.futures.thread  # noqa: F401
import json
import os
import sys

import msgspec
import psutil  # noqa: F401 - sandbox/family.py imports it when it is needed

from swiftkit.sandbox.cage import CheckLimits
from swiftkit.sandbox.code_pool import CodePool, Program

request = json.load(sys.stdin)
if request["uid"]:
    os.setgroups([])
    os.setresgid(*[request["uid"]] * 3)
    os.setresuid(*[request["uid"]] * 3)
pool = CodePool(
    3,
    isolations=[request["isolation"]],
    limits=CheckLimits(request["seconds"]),
    python=request["python"],
)
with pool:
    waiting = [pool.submit(Program(**program)) for program in request["programs"]]
    verdicts = [msgspec.to_builtins(future.result()) for future in waiting]
json.dump({"isolation": pool.isolation, "verdicts": verdicts}, sys.stdout)
