"""A chat template is rendered as transformers renders it, and cannot do harm."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate

QUESTION = {"role": "user", "content": "Tea & <b>?\n"}
CALL = {"type": "function", "function": {"name": "f", "arguments": {"é": [1.0, None, True]}}}
ANSWER = {"role": "assistant", "content": "", "tool_calls": [CALL]}
DAY = datetime(2026, 1, 31)


def template(text: str) -> ChatTemplate:
    return ChatTemplate({"default": text}, {"bos_token": "<s>", "eos_token": "</s>"}, now=DAY)


def refusal(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        template(text).render([QUESTION])
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "{% for m in messages %}\n  {% if m.content %}\n    {{ m.content }}\n  {% endif %}\n{% endfor %}\n",
        "{{ bos_token }}{{ messages | tojson }}{{ eos_token }}",
        "{{ messages | tojson(ensure_ascii=True) }}{{ messages | tojson(indent=2) }}",
        "{{ messages | tojson(separators=(',', ':')) }}{{ messages | tojson(sort_keys=True) }}",
        "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% break %}{% endfor %}",
        "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}\n{% endgeneration %}\n{{ x }}",
        "{% set n = namespace(x=1) %}{%- generation -%} {% set n.x = 2 %} {%- endgeneration -%} {{ n.x }}",
        "{{ missing }}|{{ messages[0].missing }}|{{ messages[0].missing is defined }}",
        "{{ tools is none }}{{ documents is none }}{{ documents is defined }}{{ tools is defined }}",
        "{{ strftime_now('%d %b %Y') }}{{ add_generation_prompt }}{{ enable_thinking is defined }}",
        "{{ 'ab' * 3 }}{{ [1] * 2 }}{{ 2 ** 5 }}{{ 3 * 4 }}{{ 2 ** 0.5 }}{{ true * 'x' }}",
        "{{ messages | map(attribute='role') | join(',') }}{{ messages[0]['content'] | trim }}",
        "{% for i in range(1, messages | length) %}{{ i }}{% endfor %}{{ range(9, 1, -3) | list }}",
        "{{ messages[0].content | upper | e }}{{ '%s-%s' | format(1, 2) }}",
    ],
)
def test_text_is_that_of_transformers(text: str) -> None:
    """White space, JSON, scopes, undefined names, loop controls."""
    transformers = pytest.importorskip("transformers.utils.chat_template_utils")
    expected = transformers.render_jinja_template(
        [[QUESTION, ANSWER]],
        chat_template=text,
        bos_token="<s>",
        eos_token="</s>",
        strftime_now=DAY.strftime,
    )[0][0]
    assert template(text).render([QUESTION, ANSWER]) == expected


def test_arguments_of_the_call_win_over_tokens_and_the_clock() -> None:
    text = "{{ bos_token }}{{ strftime_now('%Y') }}{{ documents }}"
    settings = {"bos_token": "!", "strftime_now": lambda form: form, "documents": [1]}
    assert template(text).render([QUESTION], **settings) == "!%Y[1]"


def test_today_is_printed_where_no_day_is_set() -> None:
    text = ChatTemplate({"default": "{{ strftime_now('%Y') }}"}).render([QUESTION])
    assert int(text) >= 2026


def test_template_for_tools_renders_conversations_with_tools() -> None:
    named = ChatTemplate({"default": "plain", "tool_use": "tools"})
    assert (named.render([QUESTION]), named.render([QUESTION], [])) == ("plain", "tools")


def test_templates_without_a_default_are_refused() -> None:
    with pytest.raises(DataError, match="rag") as caught:
        ChatTemplate({"rag": "x"}).render([QUESTION])
    assert caught.value.code == "no_chat_template"


def test_refusal_has_the_words_of_the_template() -> None:
    error = refusal("{{ raise_exception('Roles must alternate!') }}")
    assert error.code == "template_refuses"
    assert error.reason.endswith(": Roles must alternate!")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{{ messages[0].update(a=1) }}", "SecurityError"),
        ("{% for a in range(1000000) %}{% endfor %}", "Range too big"),
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "loops of more than",
        ),
        ("{{ messages[0].content * 10000000 }}", "too large"),
        ("{{ 1000000000 * messages }}", "too large"),
        ("{{ 10 ** 10000000 }}", "too large"),
        ("{% for a in range(99999) %}{{ 'x' * 1000000 }}{% endfor %}", "more than"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
        ("{% include 'other' %}", "TypeError"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ messages + 1 }}", "TypeError"),
        ("{{ missing.name }}", "UndefinedError"),
        ("{{ missing | tojson }}", "TypeError"),
    ],
)
def test_hostile_or_failing_template_is_refused(text: str, words: str) -> None:
    """By Jinja's sandbox, or by our bounds on what it makes."""
    error = refusal(text)
    assert error.code == "template_refuses"
    assert words in error.reason
    assert QUESTION == {"role": "user", "content": "Tea & <b>?\n"}


@pytest.mark.parametrize(
    "text",
    [
        "{% if",
        "{{ a b }}",
        "{% unknown %}",
        "{% for a in [1] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
        "(" * (1 << 20) + " ",
        "{{" + "(" * 100_000,
    ],
)
def test_text_that_is_no_template_is_refused(text: str) -> None:
    if text.startswith("("):
        assert refusal(text).reason.startswith("the chat template has more than")
    assert refusal(text).code == "bad_template"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)  # fmt: skip
WRITES_ALL = "{{ messages | tojson }}{% for m in messages %}{{ m.role + m.content }}{% endfor %}"


@given(messages=JSON, tools=JSON, kwargs=st.dictionaries(st.sampled_from("abc"), JSON))
@settings(max_examples=200, deadline=None)
def test_any_json_renders_the_same_twice_or_is_refused(
    messages: Any, tools: Any, kwargs: dict[str, Any]
) -> None:
    def rendered() -> str:
        try:
            return template(WRITES_ALL).render(messages, tools, **kwargs)
        except DataError as error:
            return f"{error.code}: {error}"

    assert rendered() == rendered()
