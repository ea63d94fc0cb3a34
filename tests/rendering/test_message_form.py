"""The form of messages that a template reads, found by trying; neutral messages in that form."""

import pytest

from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.message_form import MessageForm, probe_form

TEXT = "{{ m.content }}"
PARTS = "{% for p in m.content %}{{ p.text }}{% endfor %}"
EITHER = "{% if m.content is string %}{{ m.content }}{% else %}" + PARTS + "{% endif %}"
OBJECT = "{% for c in m.tool_calls %}{{ c.function.arguments | tojson }}{% endfor %}"
ARGUMENTS_TEXT = "{% for c in m.tool_calls %}{{ c.function.arguments + '' }}{% endfor %}"
PYTHON = "{% for c in m.tool_calls %}{{ c.function.arguments }}{% endfor %}"
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"s": "é"}}}
NEUTRAL = {
    "role": "assistant",
    "content": "Hm.",
    "reasoning_content": "So.",
    "tool_calls": [CALL],
}


def probed(*pieces: str) -> MessageForm:
    text = "{% for m in messages %}" + "".join(pieces) + "{% endfor %}"
    return probe_form(ChatTemplate({"default": text}))


@pytest.mark.parametrize(
    ("pieces", "form"),
    [
        ((TEXT, OBJECT), MessageForm()),
        ((EITHER, OBJECT), MessageForm()),
        ((PARTS, OBJECT), MessageForm(has_content_parts=True)),
        ((TEXT, ARGUMENTS_TEXT), MessageForm(has_arguments_text=True)),
        ((TEXT, PYTHON), MessageForm(has_arguments_text=True)),  # {'stone': ...} is no JSON
        ((PARTS, ARGUMENTS_TEXT), MessageForm(True, True)),
        ((TEXT, "{{ m.reasoning_content }}"), MessageForm()),
        ((TEXT, "{{ m.thinking }}"), MessageForm(reasoning_key="thinking")),
        ((TEXT, "{{ m.reasoning }}"), MessageForm(reasoning_key="reasoning")),
        ((TEXT, "{{ m.thinking }}{{ m.reasoning_content }}"), MessageForm()),
        (
            (PARTS, "{% if m.tool_calls %}{{ m.thinking }}{% endif %}", ARGUMENTS_TEXT),
            MessageForm(True, True, "thinking"),
        ),
        ((TEXT,), MessageForm()),  # drops calls and reasoning
        (("{{ raise_exception('no') }}",), MessageForm()),
    ],
)
def test_form_is_the_one_in_which_the_template_shows_what_it_gets(
    pieces: tuple[str, ...], form: MessageForm
) -> None:
    assert probed(*pieces) == form


def test_neutral_message_in_each_form() -> None:
    assert MessageForm().apply([NEUTRAL]) == [NEUTRAL]
    formed = MessageForm(True, True, "thinking").apply([NEUTRAL])[0]
    function = {"name": "f", "arguments": '{"s": "é"}'}
    assert formed == {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hm."}],
        "thinking": "So.",
        "tool_calls": [{**CALL, "function": function}],
    }
