r"""A conversation as gpt-oss reads it, in turns: what stands before the model writes, and what it
writes.

    <|start|>system<|message|>...<|end|><|start|>developer<|message|>...<|end|>
    <|start|>user<|message|>...<|end|><|start|>assistant
                                    <|channel|>analysis<|message|>...<|end|><|start|>assistant
                                     to=functions.f<|channel|>commentary json<|message|>{...}<|call|>

Equal to the character to the chat template published with gpt-oss-20b and gpt-oss-120b. Three of
its rules:

- Analysis before a call stays only while no final answer follows it; of final answers only the last
  keeps its own, and only where the conversation ends with it.
- The last answer ends with <|return|>, as the model must emit it; earlier ones with <|end|>; a call
  with <|call|>.
- Text that stands beside a call is that call's analysis.

The model writes all that follows its `<|start|>assistant`, so that is what is trained: its end
token, and between analysis and answer also <|end|><|start|>assistant.

A control token is a Piece of its own. Text that looks like one is an ordinary piece: whoever turns
pieces into tokens encodes those without special tokens, so that no user, tool or data row can end a
message or open another.
"""

from collections.abc import Mapping, Sequence
from datetime import date as calendar_date
from typing import Any, NamedTuple

from swiftkit.errors import DataError
from swiftkit.toolcall.call import ToolCall
from swiftkit.toolcall.harmony.answer import check_name
from swiftkit.toolcall.harmony.conversation import Step, steps
from swiftkit.toolcall.harmony.tool_namespace import namespace, to_json

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."


class Piece(NamedTuple):
    """A control token, or text in which nothing is one."""

    text: str
    control: bool = False


START, MESSAGE, CHANNEL = (
    Piece("<|start|>", True),
    Piece("<|message|>", True),
    Piece("<|channel|>", True),
)
END, CALL, RETURN = Piece("<|end|>", True), Piece("<|call|>", True), Piece("<|return|>", True)
ASSISTANT = (START, Piece("assistant"))


class Settings(NamedTuple):
    """What the system message says. date: YYYY-MM-DD, "" for today."""

    date: str = ""
    reasoning_effort: str = "medium"
    identity: str = IDENTITY


class Turn(NamedTuple):
    """`prompt` is what the model is given, `answer` what it writes then: pieces, or the ids that it
    has sampled.

    follows: the kind of the step before the answer (user, result, or call where one answer holds
    several calls).
    """

    prompt: list[Piece]
    answer: list[Piece]
    tokens: Any = None
    follows: str = ""
    flags: Mapping[str, Any] = {}


def render(
    messages: Sequence[Mapping[str, Any]], system: str | None, tools: Sequence[dict[str, Any]] | None,
    settings: Settings, complete: bool,
) -> list[Turn]:  # fmt: skip
    """The turns of a conversation; a last turn without an answer is what remains after the last
    one.

    complete: as for training: the last answer is ended, and nothing is asked. Otherwise the model
    is to go on: after a question with an answer, after a last answer with more of it. Raises
    DataError for what cannot be said in Harmony.
    """
    if (system or "").startswith(START.text):
        fix = "give the instructions alone; the date and the effort are settings"
        raise DataError("the system message is Harmony markup", "harmony_markup", fix)
    conversation = steps(messages)
    prompt = _head(system or "", list(tools or []), settings)
    turns: list[Turn] = []
    called = ""
    for index, step in enumerate(conversation):
        if step.kind in ("user", "result"):
            prompt += _said(step, called)
            continue
        called = step.call.name if step.call else called
        answer = _answer(step, conversation[index + 1 :], complete)
        turns.append(
            Turn(
                [*prompt, *ASSISTANT], answer, step.tokens, _before(conversation, index), step.flags
            )
        )
        prompt = []
    if prompt and not complete:
        prompt += ASSISTANT
    return [*turns, Turn(prompt, [])] if prompt else turns


def text(turns: Sequence[Turn]) -> str:
    """The turns as text, as the published template returns it."""
    return "".join(piece.text for turn in turns for piece in (*turn.prompt, *turn.answer))


def _before(conversation: Sequence[Step], index: int) -> str:
    return conversation[index - 1].kind if index else ""


def _head(system: str, tools: list[dict[str, Any]], settings: Settings) -> list[Piece]:
    channels = (
        "# Valid channels: analysis, commentary, final. Channel must be included for every message."
    )
    if tools:
        channels += "\nCalls to these tools must go to the commentary channel: 'functions'."
    today = settings.date or calendar_date.today().isoformat()
    about = f"{settings.identity}\nKnowledge cutoff: 2024-06\nCurrent date: {today}\n\n"
    head = _message("system", f"{about}Reasoning: {settings.reasoning_effort}\n\n{channels}")
    instructions = f"# Instructions\n\n{system}\n\n" if system else ""
    functions = f"# Tools\n\n{namespace(tools)}" if tools else ""
    return head + (
        _message("developer", instructions + functions) if instructions or functions else []
    )


def _said(step: Step, called: str) -> list[Piece]:
    """A question, or a result: JSON text from the tool that was called last."""
    if step.kind == "user":
        return _message("user", step.text)
    return _message(
        f"functions.{called} to=assistant", to_json(step.text), CHANNEL, Piece("commentary")
    )


def _message(header: str, body: str, *channel: Piece) -> list[Piece]:
    return [START, Piece(header), *channel, MESSAGE, Piece(body), END]


def _answer(step: Step, rest: Sequence[Step], complete: bool) -> list[Piece]:
    if step.kind == "tokens":
        return []
    if step.call:
        # Sampled tokens do not count: when they were sampled, the prompt before them still held
        # this analysis.
        answered_later = any(later.kind == "final" for later in rest)
        return [
            *(_analysis(step.thinking) if step.thinking and not answered_later else []),
            *_call(step.call),
        ]
    final = [CHANNEL, Piece("final"), MESSAGE, Piece(step.text)]
    if rest:
        return [*final, END]
    thought = [] if step.thinking is None else _analysis(step.thinking)
    return [*thought, *final, *([RETURN] if complete else [])]


def _analysis(thinking: str) -> list[Piece]:
    return [CHANNEL, Piece("analysis"), MESSAGE, Piece(thinking), END, *ASSISTANT]


def _call(call: ToolCall) -> list[Piece]:
    check_name(call.name)
    header = [Piece(f" to=functions.{call.name}"), CHANNEL, Piece("commentary json"), MESSAGE]
    return [*header, Piece(to_json(call.arguments)), CALL]
