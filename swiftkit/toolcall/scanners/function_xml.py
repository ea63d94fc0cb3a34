"""Calls as functions with parameters in tags, inside a pair of tags that differs from family to
family.

    <tool_call>
    <function=get_weather>
    <parameter=city>
    北京
    </parameter>
    <parameter=days>
    [1, 2]
    </parameter>
    </function>
    </tool_call>

Values have no types (text_arguments.py): with `tools` a string stays a string; without, "5" would
come back as 5, so `render` refuses it. A value is text up to its closing tag, less one line break
at each end. A string can hold these tags, as text, where they do not stand as markup would: they
are read, not written; in lists and objects `<` becomes \\u003c then.

Read too, as engines do: several functions in one pair; a function without the pair's opening tag,
and without its closing tag at the answer's end or before another call; a value without
</parameter>, where no tag stands in it and another parameter's line, or the end of the call,
follows; a last value whose call lacks </function>.
"""

import re

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import tagged_arguments
from swiftkit.toolcall.scanners.endings import AT_END, is_end
from swiftkit.toolcall.text_arguments import Tools
from swiftkit.toolcall.wire_format import Signs

FUNCTION = "<function="
_WORDS = ("function", "parameter")
_FUNCTION_END = "</function>"
_FUNCTION = re.compile(r"\s*+<function=([^<>\n]++)>\s*+")
_PARAMETER = re.compile(r"<parameter=([^<>\n]++)>\n?+")
_PARAMETER_END = "</parameter>"
# markup, not text: only what can follow a parameter follows
_VALUE_END = re.compile(r"</parameter>\s*+(?=<parameter=[^<>\n]++>|</function>)")
# most values hold no tag: then one search finds the whole parameter
_PLAIN = re.compile(rf"{_PARAMETER.pattern}([^<]*+){_VALUE_END.pattern}")


class FunctionXml:
    """The reader and the writer of one family.

    opening, closing: the pair around a call.
    padding: what stands around a value, as it is written.
    """

    def __init__(self, opening: str, closing: str, *, padding: str) -> None:
        self._opening, self._closing, self._padding = opening, closing, padding
        pair = f"{re.escape(opening)}|{re.escape(closing)}"
        self._tags = re.compile(rf"{pair}|</?(?:{'|'.join(_WORDS)})(?:=|>)")
        self._markup = re.compile(f"{self._tags.pattern}|{ANY_TAG}")
        close = re.escape(closing)
        self._value_without_end = re.compile(
            rf"{_VALUE_END.pattern}|(?<=\n)(?=<parameter=[^<>\n]++>\n)|(?={_FUNCTION_END}\s*+{close})"
            rf"|</parameter>\s*+(?={close}(?:\s*+{re.escape(opening)}|{AT_END}))"
        )
        self._end = re.compile(rf"(?:{_FUNCTION_END}\s*+)?{close}")
        self._end_before_another = re.compile(
            rf"{_FUNCTION_END}(?=\s*+(?:<function=|{re.escape(opening)}))"
        )
        parts = [f"<{end}{word}{sign}" for end in ("", "/") for word in _WORDS for sign in "=>"]
        self.signs = Signs(
            opening={opening: rf"\s*+{FUNCTION}"},
            closing=(closing,),
            marks=(closing, *parts),
            call_ends=(closing,),
        )

    def render(self, calls: list[ToolCall], tools: Tools = ()) -> str:
        """Write the calls byte for byte as ms-swift trains on them, but for the cases above."""
        rendered = []
        for call in calls:
            schemas = text_arguments.parameters_of(tools, call.name)
            text = f"{self._opening}\n<function={_checked(call.name)}>\n"
            for key, value in call.arguments.items():
                written = text_arguments.write(
                    value, schemas.get(key), self._tags, f"{call.name}: {key}"
                )
                padding = self._padding
                if written.startswith("\n") or written.endswith("\n"):
                    padding = "\n"
                text += f"<parameter={_checked(key)}>{padding}{written}{padding}{_PARAMETER_END}\n"
            rendered.append(f"{text}{_FUNCTION_END}\n{self._closing}")
        return "\n".join(rendered)

    def parse(self, text: str, tools: Tools = ()) -> Parsed:
        """Read an answer. Malformed too: a parameter given twice."""
        return tagged_arguments.read(text, self._markup, self._read_call, tools)

    def _read_call(self, text: str, tag: re.Match[str]) -> tuple[str, dict[str, str], int]:
        is_bare = tag[0] == FUNCTION
        if not is_bare and tag[0] != self._opening:
            raise ValueError(f"{tag[0]} without {self._opening}")
        function = _FUNCTION.match(text, tag.start() if is_bare else tag.end())
        if not function:
            raise ValueError(f"{self._opening} without <function=name>")
        texts: dict[str, str] = {}
        position = function.end()
        while True:
            if plain := _PLAIN.match(text, position):
                name, value = plain.groups()
                position = plain.end()
            elif parameter := _PARAMETER.match(text, position):
                name = parameter[1]
                end = self._end_of_value(text, parameter.end())
                if not end:
                    raise ValueError(f"the parameter {name!r} is never closed")
                value, position = text[parameter.end() : end.start()], end.end()
            else:
                break
            if name in texts:
                raise ValueError(f"the parameter {name!r} is given twice")
            texts[name] = value.removesuffix("\n")
        return function[1], texts, self._end_of_call(text, position, is_bare=is_bare)

    def _end_of_value(self, text: str, start: int) -> re.Match[str] | None:
        end = self._value_without_end.search(text, start)
        if end and not end[0] and self._tags.search(text, start, end.start()):
            end = _VALUE_END.search(text, start)
        return end

    def _end_of_call(self, text: str, position: int, *, is_bare: bool) -> int:
        if end := self._end.match(text, position):
            return end.end()
        # what follows in the pair is read as a function without the opening tag
        another = self._end_before_another.match(text, position)
        behind = position + len(_FUNCTION_END)
        is_closed = text.startswith(_FUNCTION_END, position)
        if another or (is_closed and (is_bare or is_end(text, behind))):
            return behind
        raise ValueError("the function is never closed")


def _checked(name: str) -> str:
    if not name or any(character in name for character in "<>\n"):
        fix = "use a name of one line without < and >"
        raise DataError(f"the tags cannot carry the name {name!r}", "bad_call", fix)
    return name
