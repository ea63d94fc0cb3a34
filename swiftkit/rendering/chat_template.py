"""A model folder's chat template, rendered as transformers' `apply_chat_template` renders it.

Source: transformers 5.19.0, utils/chat_template_utils.py and tokenization_utils_base.py. A template
is foreign code: it runs in Jinja's sandbox, and what it raises becomes a DataError.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from swiftkit.errors import DataError

_MOST_TEXT = 1 << 26  # characters that a template may write
_MOST_REPEATED = 1 << 20  # length of the text or list that `*` makes, bits of what `**` makes
_MOST_ROUNDS = 1 << 22  # of all loops over `range` in one rendering
_LONGEST_TEMPLATE = 1 << 20  # characters; the published ones have at most 30,000
_LONGEST_REASON = 500


@dataclass(frozen=True)
class ChatTemplate:
    """The chat template of a model, with the tokens that it prints.

    `named` holds the template's text under "default"; some models have another for conversations
    with tools, "tool_use". `special_tokens` are the variables bos_token, eos_token and their like.
    A server stops at any of `stop_tokens`. `now` stands in for the clock where a template prints
    the date.
    """

    named: Mapping[str, str]
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    stop_tokens: tuple[str, ...] = ()
    now: datetime | None = None

    def source(self, tools: Sequence[Any] | None = None) -> str:
        """Return the text of the template that renders a conversation with these tools.

        Raises DataError (no_chat_template) where several are there, and none is the default.
        """
        if tools is not None and "tool_use" in self.named:
            return self.named["tool_use"]
        if "default" in self.named:
            return self.named["default"]
        names = ", ".join(self.named) or "none"
        fix = "name one of them `default`"
        raise DataError(f"no default chat template (there is: {names})", "no_chat_template", fix)

    def variables(self, tools: Sequence[Any] | None = None) -> frozenset[str]:
        """Return the names of the variables that the template reads, as `enable_thinking`.

        Raises DataError (bad_template).
        """
        return _variables(self.source(tools))

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = False,
        **kwargs: Any,
    ) -> str:
        """Return the text of a conversation: messages and tools reach the template as they are.

        Raises DataError: bad_template for one that is not Jinja, template_refuses, with the
        template's own words, for a conversation that it does not take.
        """
        template = _compiled(self.source(tools))
        variables = {
            "documents": None,  # transformers hands it over even where there are none
            "strftime_now": self._strftime_now,
            "range": _bounded_range(),
            **self.special_tokens,
            **kwargs,
            "messages": messages,
            "tools": tools,
            "add_generation_prompt": add_generation_prompt,
        }
        pieces, length = [], 0
        try:
            for piece in template.generate(variables):
                pieces.append(piece)
                length += len(piece)
                if length > _MOST_TEXT:
                    _refuse(f"it writes more than {_MOST_TEXT} characters")
        except Exception as error:  # whatever a foreign template raises
            reason = f"the chat template refuses the conversation: {_words(error)}"
            fix = "change the conversation, or take a template that renders it"
            raise DataError(reason, "template_refuses", fix) from error
        return "".join(pieces)

    def _strftime_now(self, form: str) -> str:
        return (self.now or datetime.now()).strftime(form)


def _words(error: Exception) -> str:
    """Return an error's own words; of one that the template did not raise itself, its kind too."""
    words = str(error)[:_LONGEST_REASON]
    return words if type(error) is TemplateError else f"{type(error).__name__}: {words}"


class _GenerationTag(Extension):
    """{% generation %} ... {% endgeneration %}: some templates mark there what is trained.

    The marks are not used (they are wrong in most templates), but the block is a scope of its own,
    as in transformers: what is set in it is not seen after it.
    """

    tags = {"generation"}  # noqa: RUF012 (as Jinja declares it)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller: Callable[[], str]) -> str:
        return caller()


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with a bound on what `*` and `**` make.

    Its own bounds: attributes with an underscore, changes of the messages, ranges above 100,000.
    Loops over lists in loops over lists are not bounded.
    """

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if _size_made(operator, left, right) > _MOST_REPEATED:
            raise SecurityError(f"{operator} makes something too large")
        return super().call_binop(context, operator, left, right)


def _size_made(operator: str, left: Any, right: Any) -> int:
    """Return the length of the text, or the bits of the number, that an operation makes."""
    if operator == "**":
        if isinstance(left, int) and isinstance(right, int):
            return left.bit_length() * max(right, 0)
        return 0
    for repeated, times in ((left, right), (right, left)):
        if isinstance(repeated, str | list | tuple) and isinstance(times, int):
            return len(repeated) * max(times, 0)
    return 0


def _bounded_range() -> Callable[..., range]:
    """Return Jinja's `range` for one rendering, with a bound on the sum of all lengths."""
    rounds = 0

    def bounded(*bounds: int) -> range:
        nonlocal rounds
        numbers = safe_range(*bounds)
        rounds += len(numbers)
        if rounds > _MOST_ROUNDS:
            raise OverflowError(f"loops of more than {_MOST_ROUNDS} rounds")
        return numbers

    return bounded


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Return JSON as json.dumps writes it; Jinja's own filter escapes <, > and & for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _environment() -> _Sandbox:
    extensions: list[str | type[Extension]] = [_GenerationTag, "jinja2.ext.loopcontrols"]
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    return environment


_ENVIRONMENT = _environment()


@lru_cache(maxsize=128)
def _compiled(source: str) -> Template:
    """Return a template, ready to render. Raises DataError (bad_template)."""
    fix = "the chat template comes with the model: get it again"
    if len(source) > _LONGEST_TEMPLATE:
        problem = f"the chat template has more than {_LONGEST_TEMPLATE} characters"
        raise DataError(problem, "bad_template", fix)
    try:
        return _ENVIRONMENT.from_string(source)
    except Exception as error:  # SyntaxErrors of Jinja; RecursionError; constants that overflow
        problem = f"the chat template is not one that Jinja can read: {_words(error)}"
        raise DataError(problem, "bad_template", fix) from error


@lru_cache(maxsize=128)
def _variables(source: str) -> frozenset[str]:
    _compiled(source)
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))
