"""The handler that runs one multi_turn conversation of BFCL in the simulators of bfcl-eval.

environments/bfcl.py starts it, by worker_process.py and the Python that has bfcl-eval. Requests:

    {"entry": {...}, "truth": [[...]]}  -> {"tools": [...], "held": {"3": [...]}, "more": "..."}
    {"calls": [{"name": ..., "arguments": {}}]}  -> {"results": ["...", ...]}
    {"check": [[[{...call}, ...], ...], ...]}    -> {"error": "why BFCL's checker says no"} or ""

`held` are the tools that come later, by the number of the turn, `more` what the user says then.

bfcl-eval evaluates calls as Python text. So a call is only ever made of the name of a method of the
conversation's classes, names of parameters, and the repr of JSON values; and the process has no
network (where it can be unshared), no environment of ours, no file to write, little memory.
"""

import json
import resource
from pathlib import Path
from typing import Any

SECONDS, MEGABYTES = 60, 2048  # processor time and memory of one conversation
# The file of each simulated class in multi_turn_func_doc/, as BFCL's own code maps them.
CLASS_FILES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}


class Simulation:
    """The simulators of one conversation, which the first request names."""

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        if "entry" in request:
            return self.begin(request["entry"], request["truth"])
        if "calls" in request:
            return {"results": self.run(request["calls"])}
        return {"error": self.check(request["check"])}

    def begin(self, entry: dict[str, Any], truth: list[list[str]]) -> dict[str, Any]:
        """Return the tools, and those held back; `entry` is BFCL's row, `truth` its calls."""
        import bfcl_eval
        from bfcl_eval.constants import default_prompts

        self._entry, self._truth = entry, truth
        self._category = str(entry["id"]).rpartition("_")[0]
        folder = Path(str(bfcl_eval.__file__)).parent / "data" / "multi_turn_func_doc"
        tools = {}
        for class_name in entry["involved_classes"]:
            file = folder / f"{CLASS_FILES[class_name]}.json"
            for line in file.read_text(encoding="utf-8").splitlines():
                if line:
                    tool = json.loads(line)
                    tools[tool["name"]] = tool
        self._names = frozenset(tools)
        held = {}
        for turn, names in entry.get("missed_function", {}).items():
            held[turn] = [tools.pop(name) for name in names]
        more = default_prompts.DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC
        return {"tools": list(tools.values()), "held": held, "more": more}

    def run(self, calls: list[dict[str, Any]]) -> list[str]:
        """Return what the simulators say to the calls of one answer."""
        from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils

        results, _ = multi_turn_utils.execute_multi_turn_func_call(
            [self._python_text(call) for call in calls],
            self._entry["initial_config"],
            self._entry["involved_classes"],
            "model",
            self._entry["id"],
            long_context="long_context" in self._category,
        )
        return [str(result) for result in results]

    def check(self, turns: list[list[list[dict[str, Any]]]]) -> str:
        """Return why BFCL's checker finds a turn wrong, or ""; turns > answers > calls."""
        from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

        texts = []
        for answers in turns:
            texts.append([[self._python_text(call) for call in calls] for calls in answers])
        verdict = multi_turn_checker(texts, self._truth, self._entry, self._category, "model")
        return "" if verdict["valid"] else str(verdict["error_type"])

    def _python_text(self, call: dict[str, Any]) -> str:
        """Return the call as Python; one of a name that no class has becomes one that fails."""
        name, arguments = call["name"], call["arguments"]
        if name not in self._names or not all(key.isidentifier() for key in arguments):
            return "no_such_function()"
        return f"{name}({','.join(f'{key}={value!r}' for key, value in arguments.items())})"


def start() -> tuple[dict[str, Any], Any]:
    """Limit the process; the first request says which conversation it is."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return {}, Simulation().handle
