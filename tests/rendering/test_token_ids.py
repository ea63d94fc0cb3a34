"""Prompts and answers encoded apart: seams, ends that a text lacks, blocks without reasoning."""

import re
from itertools import pairwise
from typing import Any

import pytest
from helpers.chat_templates import conversations
from helpers.row_encoders import answers, check_row, decoded, row_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.loss_spans import RenderedConversation, TurnLoss
from swiftkit.rendering.token_ids import (
    EncodedConversation,
    Ids,
    TextEncoder,
    added_end,
    encode_conversation,
)
from swiftkit.rendering.training_row import TrainingRow


def row_of(name: str, conversation: str) -> TrainingRow:
    messages, tools = conversations()[conversation]
    return row_encoder(name).row(messages, tools, {}, answers(messages))


def turns_of(row: TrainingRow) -> list[tuple[int, str]]:
    """(message, "trained" or its status) in order."""
    found = [(piece.turn.message, "trained") for piece in row.pieces if piece.turn]
    found += [(each.turn.message, each.status) for each in row.without_loss]
    return sorted(found)


@pytest.mark.parametrize("name", ["qwen3_5_think", "qwen3_6"])
def test_prompt_that_ends_with_an_open_block_makes_a_seam(name: str) -> None:
    """`<think>⏎` and `⏎</think>`: a server's next prompt has one token for both line breaks, so the
    first turn cannot stand in front of the second one, and is trained at the end of its own row."""
    assert turns_of(row_of(name, "c19")) == [(2, "token_seam"), (4, "trained")]
    messages, tools = conversations()["c19"]
    model = row_encoder(name)
    own = model.row(messages[:3], tools, {}, [2])
    assert turns_of(own) == [(2, "trained")]
    check_row(model, own, messages[:3], tools, {})
    (prompt, answer, _) = own.pieces
    assert decoded(prompt.ids[-2:]) == "<think>\n"
    assert decoded(answer.ids[:3]) == "\n</think>\n\n"


def test_turn_behind_a_seam_has_the_tokens_of_its_prompt() -> None:
    """Of 30 turns with a seam each the last one is trained, in linear time."""
    model = row_encoder("qwen3_8")
    asked = 0

    def ids(text: str) -> Ids:
        nonlocal asked
        asked += len(text)
        return model.encoder.ids(text)

    encoder = TextEncoder(ids, model.encoder.word_ids, model.encoder.control)
    messages: list[dict[str, Any]] = []
    for number in range(30):
        messages.append({"role": "user", "content": f"Name tree {number}."})
        messages.append({"role": "assistant", "content": "Oak."})
    counted = type(model)(model.template, model.form, encoder)
    row = counted.row(messages, None, {}, answers(messages))
    assert turns_of(row) == [(n, "token_seam") for n in range(1, 59, 2)] + [(59, "trained")]
    text = model.template.render(messages)
    assert asked < 5 * len(text)
    check_row(model, row, messages, None, {})


@pytest.mark.parametrize(
    ("conversation", "ends"),
    [
        ("c01", ["<|user|>"]),
        ("c04", ["<|user|>", "<|user|>"]),
        ("c25", ["<|observation|>"]),
        ("c31", ["<|observation|>", "<|observation|>", "<|user|>"]),
    ],
)
def test_end_that_is_the_next_message_is_trained_and_stands_once(
    conversation: str, ends: list[str]
) -> None:
    """GLM stops at the mark of the next message: in the middle of a row that is the message's own,
    at its end it is added."""
    model = row_encoder("glm4moe")
    row = row_of("glm4moe", conversation)
    trained = [piece.ids[-1:] for piece in row.pieces if piece.turn]
    assert trained == [model.encoder.ids(end) for end in ends]
    messages, tools = conversations()[conversation]
    text = model.template.render(model.form.apply(messages), tools)
    ids = [each for piece in row.pieces for each in piece.ids]
    assert ids == model.encoder.ids(text) + model.encoder.ids(ends[-1])


def test_end_that_another_message_begins_with_is_not_added() -> None:
    turn = TurnLoss(1, "ok", has_end=False, missing_end="<|user|>", span=(3, 6))
    assert added_end(turn, "abcdef<|user|>") == "<|user|>"
    assert added_end(turn, "abcdef\n") == "<|user|>"
    assert added_end(turn, "abcdef<|system|>") == ""


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("qwen3", "<think>\n\n</think>\n\n"),
        ("qwen3_6", "\n</think>\n\n"),
        ("qwen3_instruct_2507", ""),
        ("glm4moe", "\n<think></think>\n"),
    ],
)
def test_block_without_reasoning_is_counted_in_tokens(name: str, block: str) -> None:
    (piece,) = [piece for piece in row_of(name, "c01").pieces if piece.turn]
    assert decoded(piece.ids[: piece.empty_reasoning]) == block


def test_block_with_reasoning_is_none() -> None:
    (piece,) = [piece for piece in row_of("qwen3", "c07").pieces if piece.turn]
    assert piece.empty_reasoning == 0


# Tokenizers that join what their patterns join. The first one cuts at `##` before that.
CUTS = re.compile(r"##|aa|ab|ba|bb|.")
CUTS_NOWHERE = re.compile(r"[ab]##|##[ab]|##|aa|ab|ba|bb|.")
PARTS = st.lists(st.sampled_from(["a", "b", "##"]), max_size=3).map("".join)
TURNS = st.lists(st.tuples(PARTS, PARTS.filter(len)), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("pattern", "control"), [(CUTS, ["##"]), (CUTS, []), (CUTS_NOWHERE, []), (CUTS_NOWHERE, ["##"])]
)
@settings(max_examples=200, deadline=None)
@given(parts=TURNS)
def test_ids_before_each_turn_are_those_of_its_prompt(
    pattern: re.Pattern[str], control: list[str], parts: list[tuple[str, str]]
) -> None:
    """Whatever tokens join, and also where a tokenizer does not cut at its control tokens; a turn
    is left out only if the prompt of the next one has other tokens for it."""
    numbers: dict[str, int] = {}

    def ids(text: str) -> Ids:
        return [numbers.setdefault(token, len(numbers)) for token in pattern.findall(text)]

    encoder = TextEncoder(ids, ids, ControlTokens.of(control))
    text = ""
    turns = []
    for index, (prompt, generated) in enumerate(parts):
        start = len(text) + len(prompt)
        text += prompt + generated
        span = start, start + len(generated)
        turns.append(TurnLoss(index, "ok", generated=generated, span=span))
    encoded = encode_conversation(RenderedConversation(text, tuple(turns)), turns, encoder)
    before: Ids = []
    trained = []
    for piece in encoded.pieces:
        if piece.turn and piece.turn.span:
            trained.append(piece.turn)
            assert before == ids(text[: piece.turn.span[0]])
            assert piece.ids == ids(piece.turn.generated)
        before = before + piece.ids
    assert before == encoded.ids
    assert sorted([*trained, *encoded.seams], key=turns.index) == turns
    assert trained[-1] is turns[-1]
    if pattern is CUTS_NOWHERE and control:
        return  # more may be left out than has to be
    for seam, following in seams_and_next(encoded, trained):
        start, stop = seam.span or (0, 0)
        end = (following.span or (0, 0))[0]
        assert ids(text[:start]) + ids(seam.generated) + ids(text[stop:end]) != ids(text[:end])


def seams_and_next(
    encoded: EncodedConversation, trained: list[TurnLoss]
) -> list[tuple[TurnLoss, TurnLoss]]:
    """Each turn with a seam, and the next one that is trained."""
    found = []
    for before, following in pairwise([None, *trained]):
        for seam in encoded.seams:
            first = before.message if before else -1
            if following and first < seam.message < following.message:
                found.append((seam, following))
    return found
