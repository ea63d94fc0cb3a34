"""An MCP server over stdio that answers as its argument says, JSON with these keys:

- pages: lists of tools, or whole results, one for each tools/list; the last one again and again
- copies: how often each tool of a page is listed
- endless: every page has the cursor "next"
- noise: text on stdout before anything else
- stderr: text on stderr
- stubborn: it ignores signals and the end of its stdin, and starts a process that leaves its group
"""

import json
import signal
import subprocess
import sys
import time
from typing import Any

SCRIPT: dict[str, Any] = json.loads(sys.argv[1])


def answer(number: Any, result: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}), flush=True)


def page(asked: int) -> dict[str, Any]:
    pages = SCRIPT["pages"]
    chosen = pages[min(asked, len(pages) - 1)]
    if isinstance(chosen, dict):
        return chosen
    result = {"tools": chosen * SCRIPT.get("copies", 1)}
    if SCRIPT.get("endless"):
        return {**result, "nextCursor": "next"}
    return {**result, "nextCursor": str(asked + 1)} if asked + 1 < len(pages) else result


def main() -> None:
    if SCRIPT.get("stubborn"):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        subprocess.Popen(["setsid", "sleep", "31415"])
    print(SCRIPT.get("noise", ""), flush=True)
    print(SCRIPT.get("stderr", ""), file=sys.stderr, flush=True)
    asked = 0
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            info = {"name": "scripted", "version": "1"}
            capabilities = {"tools": {}}
            version = request["params"]["protocolVersion"]
            result = {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}
            answer(request["id"], result)
        elif method == "tools/list":
            answer(request["id"], page(asked))
            asked += 1
        elif "id" in request:
            error = {"code": -32601, "message": f"no {method}"}
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}), flush=True)
    while SCRIPT.get("stubborn"):
        time.sleep(1)


if __name__ == "__main__":
    main()
