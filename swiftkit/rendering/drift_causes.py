"""The names of what makes two texts of one conversation differ: a sentence and a fix for each."""

from typing import NamedTuple

from swiftkit.errors import UsageError

OTHER = "other"


class DriftCause(NamedTuple):
    """`is_deliberate`: the difference is meant, and docs/parity.md says why."""

    meaning: str
    fix: str
    is_deliberate: bool = False


_NATIVE = "--template_backend jinja, in training and at `swift deploy`: the model's own template"
_SETTINGS = "send the server the same chat_template_kwargs as in training"
_ONE_TEMPLATE = "serve the model with the chat template that it was trained with"

CAUSES = {
    "system_header": DriftCause("white space between the system's header and its text", _NATIVE),
    "empty_think": DriftCause("a block without reasoning stands on one side alone", _NATIVE),
    "line_break_before_call": DriftCause("white space before a call", _NATIVE),
    "default_system_prompt": DriftCause(
        "one side adds a system prompt that the row does not have",
        "give each row its system prompt, or serve without a default one",
    ),
    "system_prompt": DriftCause(
        "the system prompt is another one, or is left out",
        "serve with the system prompt of the rows",
    ),
    "date": DriftCause(
        "the template prints the day of the request", "pin it: chat_template_kwargs date_string"
    ),
    "dropped_reasoning": DriftCause(
        "the reasoning of an answer stands on one side alone",
        "send reasoning back with the history, and train with the model's own template",
    ),
    "reasoning_form": DriftCause("reasoning is written in another form", _NATIVE),
    "bos_twice": DriftCause(
        "the token at the beginning stands twice",
        "encode rendered texts without special tokens: the template prints it",
    ),
    "bos_missing": DriftCause(
        "the token at the beginning is missing", "set bos_token in tokenizer_config.json again"
    ),
    "bos_added": DriftCause(
        "a token at the beginning that the template does not print",
        "encode rendered texts without special tokens (add_bos_token: false)",
    ),
    "tools_place": DriftCause("the tools stand in another message", _SETTINGS),
    "tools_block": DriftCause("the tools are introduced in other words, or left out", _NATIVE),
    "tools_order": DriftCause(
        "tools, or the keys of JSON, stand in another order",
        "write tools as type, function {name, description, parameters}",
    ),
    "json_spacing": DriftCause("JSON with other white space", _NATIVE),
    "json_escaping": DriftCause("JSON with other escapes: \\u4e2d for 中", _NATIVE),
    "booleans": DriftCause("true is written as Python's True", _NATIVE),
    "null_printed": DriftCause(
        "the word None, or a null, is printed where nothing stands",
        'give the content as "", and tools a description',
    ),
    "call_ids": DriftCause(
        "calls have other ids: the row has none, so they are made up", "keep the ids", True
    ),
    "end_token": DriftCause(
        "another token at the end of a turn, or none",
        "name the template's end token in eos_token_id of generation_config.json",
    ),
    "added_end": DriftCause(
        "the stop token is added that begins the next message", "nothing is to be done", True
    ),
    "line_break_after_end": DriftCause("white space after a turn's end", _NATIVE),
    "generation_prompt": DriftCause(
        "the header that asks for an answer stands on one side alone",
        "ask with add_generation_prompt: true",
    ),
    "thinking_switch": DriftCause(
        "thinking is on on one side, and off on the other",
        "give --enable_thinking to training and serving alike",
    ),
    "dropped_calls": DriftCause("calls stand on one side alone", _ONE_TEMPLATE),
    "effort_text": DriftCause("an effort or a budget of reasoning is printed", _SETTINGS),
    "other_setting": DriftCause("a variable of the template has another value", _SETTINGS),
    "changed_template": DriftCause("another template, or another revision", _ONE_TEMPLATE),
    "trailing_space": DriftCause("white space at the end of a line", _NATIVE),
    "spacing": DriftCause("white space between the parts of a conversation", _NATIVE),
    "trained_history": DriftCause(
        "a turn is trained in a form that no server lets the model write", _NATIVE
    ),
    "control_token_in_text": DriftCause(
        "a text holds a control token, which is trained as text", "take it out of the text", True
    ),
    "tokenizer": DriftCause("the same text in other tokens", "serve with the model's tokenizer"),
    OTHER: DriftCause("nothing that has a name", "look at the two lines"),
}


def check_causes(names: tuple[str, ...], option: str, more: tuple[str, ...] = ()) -> None:
    """Raise UsageError for a name that is neither a cause nor one of `more`; `other` is none."""
    known = sorted({*CAUSES, *more} - {OTHER})
    for name in names:
        if name not in known:
            raise UsageError(f"{option} {name}: no such cause; known: {', '.join(known)}")
