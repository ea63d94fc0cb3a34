"""Calls whose names and arguments stand between tags, several perhaps inside an outer pair.

    <function_calls>
    <invoke name="get_weather">
    <parameter name="city">北京</parameter>
    </invoke>
    </function_calls>

Values have no types (text_arguments.py): with the tools a string stays a string; without, "5" would
come back as 5, so a string like that is refused. A value is text up to its closing tag, less one
line break at both ends where both stand. It can hold no tag of an argument and none that closes the
call: in a string they are refused, in lists and objects `<` becomes \\u003c then.
"""

import re

from swiftkit.errors import DataError
from swiftkit.toolcall import text_arguments
from swiftkit.toolcall.call import Parsed, ToolCall
from swiftkit.toolcall.reasoning import ANY_TAG
from swiftkit.toolcall.scanners import blocks
from swiftkit.toolcall.scanners.endings import is_end
from swiftkit.toolcall.text_arguments import Tools, typed_call

_NAME = r'[^<>"\r\n]++'
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_NEEDS_CDATA = re.compile(r"[<&\n]")


class TaggedCalls:
    """The reader and the writer of one family.

    Tags are given as they are written; white space in and around them is read however it stands.

    call, argument: what stands before the name, behind it, and at the end.
    outer: the pair around all calls; none where there is none.
    is_outer_end_optional: its closing tag may be missing at the answer's end.
    is_outer_optional: so may all of the pair.
    glue: what stands between two arguments; between two calls it is a line break.
    suffix: a part of the tags that may be missing.
    prefix: a namespace that may stand before a tag's name, and is not written.
    has_cdata: a string with `<`, `&` or a line break stands in a CDATA section.
    """

    def __init__(
        self,
        call: tuple[str, str, str],
        argument: tuple[str, str, str],
        *,
        outer: tuple[str, str] = ("", ""),
        is_outer_end_optional: bool = False,
        is_outer_optional: bool = False,
        glue: str = "",
        suffix: str = "",
        prefix: str = "",
        has_cdata: bool = False,
    ) -> None:
        self._call, self._argument, self._outer, self._glue = call, argument, outer, glue
        self._has_cdata, self._is_outer_optional = has_cdata, is_outer_optional
        self._is_outer_end_optional = is_outer_end_optional or is_outer_optional

        def loose(tags: str) -> str:
            pattern = r"\s*+".join(map(re.escape, tags.split())).replace('"', "[\"']?+")
            if suffix:
                pattern = pattern.replace(re.escape(suffix), f"(?:{suffix})?+")
            return re.sub("</?", rf"\g<0>(?:{prefix})?+", pattern) if prefix else pattern

        first, last = (outer[0], outer[1]) if outer[0] else (call[0], call[2])
        self._opening = re.compile(loose(first))
        self._closing = re.compile(rf"\s*+{loose(outer[1])}")
        bare = rf"|{loose(call[0])}" if is_outer_optional else ""
        self._markup = re.compile(f"{loose(first)}|{loose(last)}{bare}|{ANY_TAG}")
        self._head = re.compile(rf"\s*+{loose(call[0])}({_NAME}){loose(call[1])}")
        self._end = re.compile(rf"\s*+{loose(call[2])}")
        self._key = re.compile(rf"\s*+{loose(argument[0])}({_NAME}){loose(argument[1])}")
        self._value_end = re.compile(loose(argument[2]))
        # most values hold no tag: then one search finds the whole argument
        self._plain = re.compile(f"{self._key.pattern}([^<]*+){loose(argument[2])}")
        stops = map(loose, (argument[0], call[2]))
        self._stop = re.compile(f"({loose(argument[2])})|{'|'.join(stops)}")

    def render(self, calls: list[ToolCall], tools: Tools = ()) -> str:
        """Write the calls as the family does."""
        rendered = []
        for call in calls:
            schemas = text_arguments.parameters_of(tools, call.name)
            arguments = [
                self._written(call.name, key, value, schemas.get(key))
                for key, value in call.arguments.items()
            ]
            before, behind, end = self._call
            body = self._glue.join(arguments)
            rendered.append(f"{before}{_checked(call.name)}{behind}{body}{end}")
        opening, closing = self._outer
        return opening + "\n".join(rendered) + closing if calls else ""

    def parse(self, text: str, tools: Tools = ()) -> Parsed:
        """Read an answer. Malformed too: an argument given twice, and one that is never closed."""
        texts: list[dict[str, str]] = []

        def read_block(text: str, tag: re.Match[str], calls: list[ToolCall]) -> int:
            del texts[len(calls) :]  # those of calls that turned out to be reasoning
            end, found = self._read_block(text, tag)
            for name, arguments in found:
                texts.append(arguments)
                calls.append(typed_call(name, arguments, tools))
            return end

        return blocks.read(text, self._markup, read_block).with_texts(texts)

    def _written(self, name: str, key: str, value: object, schema: object) -> str:
        where = f"{name}: {key}"
        before, behind, end = self._argument
        text = text_arguments.write(value, schema, self._stop, where)
        if self._has_cdata and isinstance(value, str) and _NEEDS_CDATA.search(text):
            if _CDATA_END in text:
                reason = f"{where} cannot be written: the text holds {_CDATA_END}"
                raise DataError(reason, "bad_call", "take it out")
            text = f"{_CDATA}{text}{_CDATA_END}"
        elif text.startswith(_CDATA) and self._has_cdata:
            raise DataError(f"{where} begins like CDATA", "bad_call", "write it otherwise")
        elif _unwrapped(text) != text:
            text = f"\n{text}\n"
        return f"{before}{_checked(key)}{behind}{text}{end}"

    def _read_block(
        self, text: str, tag: re.Match[str]
    ) -> tuple[int, list[tuple[str, dict[str, str]]]]:
        """Return the position behind the block, and its calls' names and arguments."""
        is_bare = self._is_outer_optional and self._head.match(text, tag.start())
        if not is_bare and not self._opening.fullmatch(tag[0]):
            raise ValueError(f"{tag[0]} without its opening tag")
        if is_bare or not self._outer[0]:
            end, name, arguments = self._read_call(text, tag.start())
            closing = self._closing.match(text, end) if is_bare else None
            return closing.end() if closing else end, [(name, arguments)]
        found: list[tuple[str, dict[str, str]]] = []
        position = tag.end()
        while True:
            closing = self._closing.match(text, position)
            if closing and found:
                return closing.end(), found
            if found and self._is_outer_end_optional and is_end(text, position):
                return len(text), found
            position, name, arguments = self._read_call(text, position)
            found.append((name, arguments))

    def _read_call(self, text: str, start: int) -> tuple[int, str, dict[str, str]]:
        head = self._head.match(text, start)
        name = _unquoted(head[1]) if head else ""
        if not head or not name:
            raise ValueError("neither a call nor the end of the calls")
        texts: dict[str, str] = {}
        position = head.end()
        while True:
            if plain := self._plain.match(text, position):
                argument, value = plain.groups()
                position = plain.end()
                if value.startswith("\n"):
                    value = _unwrapped(value)
            elif key := self._key.match(text, position):
                argument = key[1]
                value, position = self._read_value(text, key.end())
            else:
                break
            if not argument.isidentifier():
                argument = _unquoted(argument)
            if argument in texts:
                raise ValueError(f"the argument {argument!r} is given twice")
            texts[argument] = value
        if not (end := self._end.match(text, position)):
            raise ValueError(f"the call of {name!r} is never closed")
        return end.end(), name, texts

    def _read_value(self, text: str, start: int) -> tuple[str, int]:
        if self._has_cdata and text.startswith(_CDATA, start):
            section = text.find(_CDATA_END, start)
            end = self._value_end.match(text, section + len(_CDATA_END))
            if section < 0 or not end:
                raise ValueError("a value's CDATA is never closed")
            return text[start + len(_CDATA) : section], end.end()
        stop = self._stop.search(text, start)
        if not stop or not stop[1]:
            raise ValueError("an argument is never closed")
        return _unwrapped(text[start : stop.start()]), stop.end()


def _unwrapped(text: str) -> str:
    is_wrapped = len(text) > 1 and text.startswith("\n") and text.endswith("\n")
    return text[1:-1] if is_wrapped else text


def _unquoted(name: str) -> str:
    """Return a name without what may stand around it in place of double quotes."""
    return name.strip().strip("'")


def _checked(name: str) -> str:
    if not re.fullmatch(_NAME, name) or name != _unquoted(name):
        fix = "use a name of one line without < > \" and without space and ' around it"
        raise DataError(f"these tags cannot carry the name {name!r}", "bad_call", fix)
    return name
