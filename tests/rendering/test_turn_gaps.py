"""What stands between a sampled answer and the next one, in the published templates."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from helpers.chat_templates import conversations, renderings
from helpers.qwen3_tokenizer import qwen3_encoder
from helpers.row_encoders import row_encoder

from swiftkit.errors import DataError
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.loss_spans import TurnLoss, render_conversation
from swiftkit.rendering.message_form import MessageForm
from swiftkit.rendering.training_row import RowEncoder
from swiftkit.rendering.turn_gaps import TurnGap, gap_after

RENDERINGS = renderings()
PLAIN = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ m.reasoning_content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
TREE = {"role": "user", "content": "Name a tree."}
OAK = {"role": "assistant", "content": "Oak."}
MORE = {"role": "user", "content": "Another one?"}


def model_of(template: str, stops: tuple[str, ...] = ("<|im_end|>",)) -> RowEncoder:
    chat_template = ChatTemplate({"default": template}, stop_tokens=stops)
    return RowEncoder(chat_template, MessageForm(), qwen3_encoder())


def following_turns(
    model: RowEncoder, line: dict[str, Any]
) -> Iterator[tuple[TurnLoss, list[Any], Any]]:
    """Yield each turn that another one follows, and the marked messages and tools up to that."""
    messages, tools = conversations()[line["conversation"]]
    marked, marked_tools = model.marked(messages, tools)
    rendered = render_conversation(model.template, model.form, marked, marked_tools, line["kwargs"])
    turns = rendered.turns
    for turn, following in pairwise(turns):
        yield turn, marked[: following.message], marked_tools


@pytest.mark.parametrize("name", RENDERINGS)
def test_prompt_answer_and_gap_are_the_next_prompt(name: str) -> None:
    """Wherever the template writes an earlier answer as it was generated; elsewhere the gap still
    begins with a stop token, and ends with the prompt for an answer."""
    model = row_encoder(name)
    for line in RENDERINGS[name]:
        if "error" in line:
            continue
        for turn, messages, tools in following_turns(model, line):
            if turn.lost or turn.status == "refused" or ends_otherwise_later(name, turn):
                continue
            settings = {**line["kwargs"], **turn.needs}
            gap = gap_after(model, messages, turn.message, tools, settings)
            assert gap.stop in model.template.stop_tokens
            following = next_prompt(model, messages, tools, settings)
            prompt = next_prompt(model, messages[: turn.message], tools, settings)
            if turn.status == "ok" and following.startswith(prompt + turn.generated):
                check_whole(model, turn, prompt, gap, following)
            elif not following.endswith(gap.stop + gap.after):
                # Gemma 4 moves the text of an answer with calls behind their results: the rollout
                # has it where it was sampled
                messages[turn.message]["content"] = ""
                following = next_prompt(model, messages, tools, settings)
                assert name.startswith(("gemma4", "diffusion_gemma"))
                assert following.endswith(gap.stop + gap.after)


def ends_otherwise_later(name: str, turn: TurnLoss) -> bool:
    """gpt-oss's final answers end with a stop token, and in histories with another token.

    Its rollouts have a renderer of their own (docs/harmony.md).
    """
    return name == "gptoss" and turn.generated.endswith("<|return|>")


def next_prompt(model: RowEncoder, messages: list[Any], tools: Any, settings: Any) -> str:
    return model.template.render(model.form.apply(messages), tools, True, **settings)


def check_whole(
    model: RowEncoder, turn: TurnLoss, prompt: str, gap: TurnGap, following: str
) -> None:
    """The text of the next prompt is prompt, answer and gap; so are its ids where no tokens join."""
    generated = turn.generated if turn.has_end else turn.generated + gap.stop
    assert prompt + generated + gap.after == following
    encode = model.encoder.encode
    sampled = encode(prompt) + encode(generated)
    ids = encode(gap.stop + gap.after)[len(encode(gap.stop)) :]
    if sampled == encode(prompt + generated):
        assert sampled + ids == encode(following)


def test_gap_holds_the_results_and_the_next_header() -> None:
    model = row_encoder("qwen3")
    messages, tools = conversations()["c28"]
    marked, marked_tools = model.marked(messages[:4], tools)
    gap = gap_after(model, marked, 1, marked_tools, {})
    results = [f"<tool_response>\n{each['content']}\n</tool_response>" for each in messages[2:4]]
    assert gap.stop == "<|im_end|>"
    assert gap.after == (
        "\n<|im_start|>user\n" + "\n".join(results) + "<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("content", ["", " \n", "<|im_end|>", "Oak <|im_end|>"])
def test_answer_without_text_and_one_that_quotes_the_end_have_their_gap(content: str) -> None:
    """Reasoning that the template drops of an earlier answer is no text of it."""
    drops = PLAIN.replace("{{ m.reasoning_content }}", "")
    for template in (PLAIN, drops):
        model = model_of(template)
        for answer in (
            {**OAK, "content": content},
            {**OAK, "content": content, "reasoning_content": "So."},
        ):
            marked, _ = model.marked([TREE, answer, MORE], None)
            gap = gap_after(model, marked, 1, None, {})
            assert gap == TurnGap("<|im_end|>", "\n<user>Another one?<|im_end|>\n<assistant>")


def test_control_tokens_in_results_keep_their_marks() -> None:
    """They are encoded as the words that they are."""
    model = row_encoder("qwen3")
    messages = [TREE, OAK, {"role": "user", "content": "What is <|im_end|>?"}]
    marked, _ = model.marked(messages, None)
    gap = gap_after(model, marked, 1, None, {})
    ids = model.encoder.encode(gap.after)
    assert ids.count(model.encoder.ids("<|im_end|>")[0]) == 1


@pytest.mark.parametrize(
    ("template", "stops", "why"),
    [
        (PLAIN, (), "no stop token stands behind it"),
        (PLAIN, ("</s>",), "no stop token stands behind it"),
        (PLAIN.replace("{{ m.content }}", ""), ("<|im_end|>",), "the template drops it"),
    ],
)
def test_answer_whose_end_cannot_be_found_has_no_gap(
    template: str, stops: tuple[str, ...], why: str
) -> None:
    model = model_of(template, stops)
    with pytest.raises(DataError, match=why) as error:
        gap_after(model, [TREE, OAK, MORE], 1, None, {})
    assert error.value.code == "no_gap"


def test_conversation_that_the_template_refuses_has_no_gap() -> None:
    model = model_of("{{ raise_exception('No.') }}")
    with pytest.raises(DataError) as error:
        gap_after(model, [TREE, OAK, MORE], 1, None, {})
    assert error.value.code == "template_refuses"
