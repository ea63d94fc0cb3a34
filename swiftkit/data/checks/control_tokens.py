"""Control tokens in the texts of a row: `<|im_end|>` in a user's message ends that message.

A chat template writes them around the texts; a tokenizer that is given the whole takes those inside
of a text for the template's own. With a tokenizer its own tokens are looked for, and those of other
families in any case: to another model they are as bad, and in an answer they are left from a text
that was rendered before.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from swiftkit.data.checks.row_view import RowFinding, RowView
from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.toolcall.alternatives import any_of

# Qwen, Llama 3, gpt-oss, GLM, Phi, Kimi, Command; DeepSeek; Gemma 4; Gemma 3; Seed-OSS; MiniMax;
# Mistral and Llama 2
_FAMILIES = re.compile(
    # OpenThoughts' words around thoughts and solutions are no model's
    r"<\|(?!(?:begin|end)_of_(?:thought|solution)\|>)[A-Za-z_][\w .:-]{1,40}\|>"
    r"|<｜[^<>｜\s]{1,40}｜>"
    r"|<\|(?:turn|channel|tool|tool_call|tool_response|think)>"
    r"|<(?:turn|channel|tool|tool_call|tool_response)\|>"
    r"|<(?:start|end)_of_turn>|<(?:seed:)?(?:bos|eos|sop|BOS_TOKEN)>|\]~b\]|\[e~\["
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]|\[(?:TOOL_CALLS|gMASK)\]|<</?SYS>>"
    r"|</?s>"
)
_STRUCK = re.compile(r"<s>[^<>\[\]\n]{1,300}</s>")


class ControlTokenSearch:
    """Finds control tokens in rows; `own` are the special tokens of the model's tokenizer."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own = ControlTokens.of(own).texts
        self._own_pattern = re.compile(any_of(self._own)) if self._own else None
        self._in_tools = lru_cache(maxsize=1024)(self._first)  # most rows share their tools

    def findings_in(self, view: RowView) -> Iterator[RowFinding]:
        for number, turn in enumerate(view.turns, 1):
            place = f"turn {number} ({turn.role})"
            if token := self._first(turn.text) or self._first(turn.reasoning):
                yield RowFinding("control_token", self._detail(place, token))
                return
        tools = view.row.get("tools")
        if isinstance(tools, str) and (token := self._in_tools(tools)):
            yield RowFinding("control_token", self._detail("tools", token))

    def _first(self, text: str) -> str:
        """Return the first control token of a text; "" without any."""
        if self._own_pattern and (found := self._own_pattern.search(text)):
            return found[0]
        if "<" not in text and "[" not in text and "]" not in text:
            return ""
        if "<s>" in text:
            text = _STRUCK.sub("", text)  # HTML for text that is struck through
        found = _FAMILIES.search(text)
        return found[0] if found else ""

    def _detail(self, place: str, token: str) -> str:
        whose = ""
        if self._own:
            is_own = token in self._own
            whose = ", a control token of this model" if is_own else ", of another model"
        return f"{place}: {token!r}{whose}"
