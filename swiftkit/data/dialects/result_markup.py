r"""Results of tools in a user's message behind a call, as chat templates and agents write them.

    [TOOL_RESULTS] {"content": "rain", "call_id": "a1b2c3d4e"}[/TOOL_RESULTS]
    <｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>rain<｜tool▁output▁end｜><｜tool▁outputs▁end｜>
    Tool result: rain

Source: the chat templates of Mistral, DeepSeek, GLM-4, Nemotron and Claude 2; rows that were made
from a rendered chat hold their markup.
"""

import re

from swiftkit.errors import DataError

_PAIRS = (
    ("[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
    ("<TOOL_RESPONSE>", "</TOOL_RESPONSE>"),
    ("<function_results>", "</function_results>"),
    ("<function_response>", "</function_response>"),
    ("<tool_result>", "</tool_result>"),
    ("<tool_results>", "</tool_results>"),
    ("<tool_output>", "</tool_output>"),
    ("<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"),
    ("<|observation|>", ""),
)
_AROUND = ("<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>")
_LABEL = re.compile(
    r"(?:(?:tool|function|api)[ _-]?(?:call[ _-]?)?(?:results?|responses?|outputs?)"
    r"|(?:工具|函数|接口)(?:调用)?(?:的)?(?:返回)?(?:结果|返回|输出))\s*[:：](.*)",
    re.DOTALL | re.IGNORECASE,
)
_OPENINGS = (_AROUND[0], *(opening for opening, _ in _PAIRS))


def may_be_results(text: str) -> bool:
    """Tell cheaply whether `results` would find some."""
    begun = text.lstrip()
    return begun.startswith(_OPENINGS) or bool(_LABEL.match(begun[:40]))


def results(text: str, where: str) -> list[str] | None:
    """Return the results that a text is; None where it is something else. Raises DataError
    (broken_result) where other text stands around them."""
    inside = text.strip().removeprefix(_AROUND[0]).removesuffix(_AROUND[1]).strip()
    for opening, closing in _PAIRS:
        if inside.startswith(opening):
            return [_inside(part, closing, where) for part in inside.split(opening)[1:]]
    label = _LABEL.fullmatch(inside)
    return [label[1].strip()] if label else None


def _inside(part: str, closing: str, where: str) -> str:
    """Return what stands before the closing mark, which must end the part."""
    content, mark, after = part.partition(closing) if closing else (part, "", "")
    if mark != closing or after.strip():
        fix = "close the mark, and move other text into a message of its own"
        raise DataError(f"{where}: text outside of {closing}", "broken_result", fix)
    return content.strip()
