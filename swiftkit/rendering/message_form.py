"""The forms in which a chat template reads messages, found out by trying.

Templates differ in three things that OpenAI's form leaves open:

    content          "Oslo."                              [{"type": "text", "text": "Oslo."}]
    arguments        {"city": "Oslo"}                     "{\\"city\\": \\"Oslo\\"}"
    reasoning        reasoning_content                    reasoning, thinking
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from swiftkit import json_text
from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.neutral_messages import REASONING, Message
from swiftkit.toolcall import reasoning

_WORD, _OTHER_WORD = "quartzite", "feldspar"  # words that stand in no template
_QUESTION = {"role": "user", "content": "Which stone?"}
_CALL_ID = "abcdefghi"  # Mistral's templates want nine letters
_TOOL = {
    "type": "function",
    "function": {
        "name": "find_stone",
        "description": "Find a stone.",
        "parameters": {
            "type": "object",
            "properties": {"stone": {"type": "string", "description": "its name"}},
            "required": ["stone"],
        },
    },
}


@dataclass(frozen=True)
class MessageForm:
    """The form of messages that one template reads."""

    has_content_parts: bool = False
    has_arguments_text: bool = False
    reasoning_key: str = REASONING

    def apply(self, messages: Sequence[Message]) -> list[Message]:
        """Return neutral messages in this form."""
        return [self._applied(message) for message in messages]

    def _applied(self, message: Message) -> Message:
        result = {}
        for key, value in message.items():
            if key == REASONING:
                result[self.reasoning_key] = value
            elif key == "content" and self.has_content_parts:
                result[key] = [{"type": "text", "text": value}]
            elif key == "tool_calls" and self.has_arguments_text:
                result[key] = [_with_arguments_text(call) for call in value]
            else:
                result[key] = value
        return result


def _with_arguments_text(call: Message) -> Message:
    function = call["function"]
    arguments = json_text.written(function["arguments"])
    return {**call, "function": {**function, "arguments": arguments}}


def probe_form(template: ChatTemplate) -> MessageForm:
    """Return the form that a template reads, by rendering small conversations in each.

    What no form shows (a template that drops calls, or reasoning) stays in the first form.
    """
    has_content_parts = _reads_content_as_parts_only(template)
    has_arguments_text = _reads_arguments_as_text_only(template, has_content_parts)
    form = MessageForm(has_content_parts, has_arguments_text)
    return replace(form, reasoning_key=_reasoning_key(template, form))


def _reads_content_as_parts_only(template: ChatTemplate) -> bool:
    asked = [{"role": "user", "content": _WORD}]
    if _WORD in _rendered(template, MessageForm(), asked):
        return False
    return _WORD in _rendered(template, MessageForm(has_content_parts=True), asked)


def _reads_arguments_as_text_only(template: ChatTemplate, has_content_parts: bool) -> bool:
    conversation = [_QUESTION, _answer("", {"stone": _WORD})]
    as_object = _rendered(template, MessageForm(has_content_parts, False), conversation)
    if _WORD in as_object and repr({"stone": _WORD}) not in as_object:  # no Python in a prompt
        return False
    as_text = _rendered(template, MessageForm(has_content_parts, True), conversation)
    return json.dumps({"stone": _WORD}) in as_text


def _reasoning_key(template: ChatTemplate, form: MessageForm) -> str:
    # some show the reasoning of an answer with calls alone, some of one with text alone
    for answer in (_answer("Granite.", None), _answer("", {"stone": _OTHER_WORD})):
        conversation = [_QUESTION, {**answer, REASONING: _WORD}]
        for key in reasoning.KEYS:
            if _WORD in _rendered(template, replace(form, reasoning_key=key), conversation):
                return key
    return REASONING


def _answer(content: str, arguments: Mapping[str, str] | None) -> Message:
    message: Message = {"role": "assistant", "content": content}
    if arguments is not None:
        function = {"name": "find_stone", "arguments": dict(arguments)}
        message["tool_calls"] = [{"id": _CALL_ID, "type": "function", "function": function}]
    return message


def _rendered(template: ChatTemplate, form: MessageForm, messages: list[Message]) -> str:
    """Return the text of a conversation; "" where the template refuses it."""
    try:
        return template.render(form.apply(messages), [_TOOL])
    except DataError:
        return ""
