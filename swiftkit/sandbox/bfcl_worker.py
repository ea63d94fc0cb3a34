"""A process beside ours that runs one multi_turn conversation of BFCL in the simulators of the
bfcl-eval package.

Run as a script by the Python that has bfcl-eval; one JSON object a line in, one out:

    {"entry": {...}, "truth": [[...]]}              -> {"tools": [...], "held": {"3": [...]}, "more": "..."}
    {"calls": [{"name": ..., "arguments": {...}}]}  -> {"results": ["...", ...]}
    {"check": [[[{...call}, ...], ...], ...]}       -> {"error": ""} where the checker finds all turns right, or why not
    whatever fails                                  -> {"failed": "..."}

bfcl-eval evaluates calls as Python text. So a call is only ever made of the name of a method that
the conversation's classes have, names of parameters, and the repr of JSON values; and the process
has no network (where the system lets it unshare one), no environment of ours, no file that it could
write, and little time and memory.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

SECONDS, MEGABYTES = 60, 2048  # processor time and memory of one conversation
_FILES = {  # in multi_turn_func_doc/, as BFCL's own code maps the classes
    "GorillaFileSystem": "gorilla_file_system", "MathAPI": "math_api", "MessageAPI": "message_api",
    "TwitterAPI": "posting_api", "TicketAPI": "ticket_api", "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking", "VehicleControlAPI": "vehicle_control",
}  # fmt: skip


class Conversation:
    """The simulators of one conversation; `entry` is BFCL's row."""

    def __init__(self, entry: dict[str, Any], truth: list[list[str]]) -> None:
        self._entry, self._truth = entry, truth
        self._names = {tool["name"] for tool in self._tools()}
        self._category = str(entry["id"]).rpartition("_")[0]

    def begin(self) -> dict[str, Any]:
        """The tools, and those that come in the middle of the conversation, by the number of the
        turn."""
        from bfcl_eval.constants import default_prompts

        missed = self._entry.get("missed_function", {})
        tools = {tool["name"]: tool for tool in self._tools()}
        held = {turn: [tools.pop(name) for name in names] for turn, names in missed.items()}
        return {
            "tools": list(tools.values()),
            "held": held,
            "more": default_prompts.DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC,
        }

    def run(self, calls: list[dict[str, Any]]) -> list[str]:
        """What the simulators say to the calls of one answer."""
        from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils import (
            execute_multi_turn_func_call,
        )

        texts = [self._text(call) for call in calls]
        results, _ = execute_multi_turn_func_call(
            texts, self._entry["initial_config"], self._entry["involved_classes"], "model", self._entry["id"],
            long_context="long_context" in self._category,
        )  # fmt: skip
        return [str(result) for result in results]

    def check(self, turns: list[list[list[dict[str, Any]]]]) -> str:
        """Why BFCL's checker finds a turn wrong, or ""."""
        from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

        texts = [[[self._text(call) for call in step] for step in turn] for turn in turns]
        found = multi_turn_checker(texts, self._truth, self._entry, self._category, "model")
        return "" if found["valid"] else str(found["error_type"])

    def _text(self, call: dict[str, Any]) -> str:
        """The call as Python; one that no class has becomes one that fails, as it would."""
        name, arguments = call["name"], call["arguments"]
        if name not in self._names or not all(key.isidentifier() for key in arguments):
            return "no_such_function()"
        return f"{name}({','.join(f'{key}={value!r}' for key, value in arguments.items())})"

    def _tools(self) -> list[dict[str, Any]]:
        import bfcl_eval

        folder = Path(str(bfcl_eval.__file__)).parent / "data" / "multi_turn_func_doc"
        files = [folder / f"{_FILES[name]}.json" for name in self._entry["involved_classes"]]
        return [
            json.loads(line)
            for file in files
            for line in file.read_text(encoding="utf-8").splitlines()
            if line
        ]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a simulator prints must not stand among the answers
    limits = {
        resource.RLIMIT_CPU: SECONDS,
        resource.RLIMIT_AS: MEGABYTES << 20,
        resource.RLIMIT_FSIZE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    conversation: Conversation | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if conversation is None:
                conversation = Conversation(request["entry"], request["truth"])
                answer: dict[str, Any] = conversation.begin()
            elif "calls" in request:
                answer = {"results": conversation.run(request["calls"])}
            else:
                answer = {"error": conversation.check(request["check"])}
        except Exception as error:  # noqa: BLE001, RUF100 - whatever a simulator raises is an answer
            answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
