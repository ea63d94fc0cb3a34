r"""ReAct: Thought, Action and Action Input on lines of their own, the result behind Observation.

    Thought: I need the weather.
    Action: get_weather
    Action Input: {"city": "Oslo"}
    Observation: rain
    Thought: I know it.
    Final Answer: It rains.

Source: the prompts of LangChain and Qwen-Agent, and ToolBench's
(https://github.com/OpenBMB/ToolBench, Apache-2.0), whose APIs stand in the system text as Python
prints them.
"""

import re
from typing import Any

from swiftkit.data.dialects.markup import check_no_markup
from swiftkit.data.json_values import listed
from swiftkit.errors import DataError
from swiftkit.toolcall import python_literal
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.read_call import call_from

APIS = "access to the following APIs:"
_APIS = re.compile(f"(?:Specifically, you have )?{APIS}")
_PROMPT = re.compile(  # what a chat template writes itself
    r"""Your\ output\ should\ follow\ this\ format:\s*Thought:\s*Action:?\s*Action\ Input:\s*
    | (?:Use|Follow)\ the\ following\ format[^:\n]*:\s*
      (?:(?:Question|Thought|Action|Action\ Input|Observation):[^\n]*\n\s*|\.\.\.[^\n]*\n\s*)+
      (?:Final\ Answer:[^\n]*\s*)?(?:Begin!\s*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.。]) ")
_NAMED = re.compile(r"\bThought\s*+[/,]\s*+Action\b")  # in a sentence that names the format
# such a sentence prescribes it alone, and goes; with one of these words it may say more, and stays
_ORDER = re.compile(
    r"\s*(?:Always |Please )?(?:Answer|Respond|Reply|Write|Use|Follow|Output)\b", re.IGNORECASE
)
_DEMAND = re.compile(r"\b(?:must|should|format|reply|respond|output)\b", re.IGNORECASE)
_STEP = re.compile(r"\s*(?:Thought:(.*?))?(?:\A|\n)Action:([^\n]*)\nAction Input:(.*)", re.DOTALL)
_ANSWER = re.compile(r"\s*(?:Thought:(.*?)\s*(?:\A|\n))?\s*Final Answer:(.*)", re.DOTALL)
_RESULT = re.compile(r"\s*Observation:\s?(.*)", re.DOTALL)


def without_prompt(text: str, where: str) -> tuple[str, list[Any]]:
    """Return what is left of a system text, and the APIs in it. Raises DataError (bad_tools,
    format_in_prompt)."""
    before, *apis = _APIS.split(text)
    tools: list[Any] = []
    for written in apis:  # a list, as Python prints it
        try:
            tools += listed(python_literal.read(written))
        except ValueError as error:
            reason = f"{where}: the APIs: {error}"
            raise DataError(reason, "bad_tools", "mend the list of APIs") from error
    rest = _without_named(_PROMPT.sub("", before))
    return check_no_markup(rest, ("Action Input:",)), tools


def _without_named(text: str) -> str:
    """Return a text without the sentences that prescribe the format by its name; one that only
    speaks of it stays. Raises DataError (format_in_prompt) where a prescription may say more."""
    if not _NAMED.search(text):
        return text
    kept = []
    for line in text.split("\n"):
        sentences = []
        for sentence in _SENTENCE_END.split(line):
            named = _NAMED.search(sentence)
            if named and _ORDER.match(sentence):
                continue
            if named and _DEMAND.search(sentence):
                check_no_markup(sentence, [named[0]])
            sentences.append(sentence)
        kept.append(" ".join(sentences))
    return "\n".join(kept)


def step(text: str, where: str) -> tuple[str, ToolCall] | None:
    """Return thought and call of a step; None for a text without any. Raises DataError
    (broken_call) for half a step."""
    found = _STEP.fullmatch(text)
    if found:
        thought, name, arguments = [(part or "").strip() for part in found.groups()]
        return thought, call_from({"name": name, "arguments": arguments}, where)
    if "Thought:" in text or "Action:" in text:
        fix = "write Thought: ...\\nAction: NAME\\nAction Input: {...}"
        raise DataError(f"{where}: neither a whole step nor plain text", "broken_call", fix)
    return None


def final_answer(text: str) -> tuple[str, str] | None:
    """Return thought and answer of a last step; None for any other text."""
    found = _ANSWER.fullmatch(text)
    return ((found[1] or "").strip(), found[2].strip()) if found else None


def thought(text: str) -> str | None:
    """Return what a text thinks if it is a thought alone."""
    before, mark, after = text.strip().partition("Thought:")
    return after.strip() if mark and not before else None


def result(text: str) -> str | None:
    """Return the result that an observation holds; None for any other text."""
    found = _RESULT.fullmatch(text)
    return found[1].strip() if found else None
