"""Processes that run code which is not ours: user tools, BFCL's simulators.

worker.py is our side of such a process and worker_process.py its own, the same for all of them; a
handler (tool_worker.py, bfcl_worker.py) says what is done with a request.
"""
