r"""A conversation as gpt-oss reads it, in turns of a prompt and the answer that the model writes.

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
from swiftkit.toolcall.harmony.answer import check_name
from swiftkit.toolcall.harmony.conversation import HarmonyStep, Messages, steps
from swiftkit.toolcall.harmony.tool_namespace import namespace, to_json

IDENTITY = "You are ChatGPT, a large language model trained by OpenAI."
_CHANNELS = (
    "# Valid channels: analysis, commentary, final. Channel must be included for every message."
)
_FUNCTIONS = "Calls to these tools must go to the commentary channel: 'functions'."


class Piece(NamedTuple):
    """A control token, or text in which nothing is one."""

    text: str
    control: bool = False


START = Piece("<|start|>", control=True)
MESSAGE = Piece("<|message|>", control=True)
CHANNEL = Piece("<|channel|>", control=True)
END = Piece("<|end|>", control=True)
CALL = Piece("<|call|>", control=True)
RETURN = Piece("<|return|>", control=True)
ASSISTANT = (START, Piece("assistant"))


class HarmonySettings(NamedTuple):
    """The variable parts of the system message. date: YYYY-MM-DD, "" for today."""

    date: str = ""
    reasoning_effort: str = "medium"
    identity: str = IDENTITY


class HarmonyTurn(NamedTuple):
    """The prompt of a model, and the answer that it writes: pieces, or the ids that it has sampled.

    follows: the kind of the step before the answer (user, result, or call where one answer holds
    several calls).
    """

    prompt: list[Piece]
    answer: list[Piece]
    tokens: Any = None
    follows: str = ""
    flags: Mapping[str, Any] = {}


def render(
    messages: Messages,
    system: str | None,
    tools: Sequence[dict[str, Any]] | None,
    settings: HarmonySettings,
    complete: bool,
) -> list[HarmonyTurn]:
    """Return the turns of a conversation; a last turn without an answer holds what remains.

    complete: as for training: the last answer is ended, and nothing is asked. Otherwise the model
    is to go on: after a question with an answer, after a last answer with more of it. Raises
    DataError for what cannot be said in Harmony.
    """
    if (system or "").startswith(START.text):
        fix = "give the instructions alone; the date and the effort are settings"
        raise DataError("the system message is Harmony markup", "harmony_markup", fix)
    prompt = _head(system or "", list(tools or []), settings)
    turns: list[HarmonyTurn] = []
    called = ""  # the tool that was called last, whose results come next
    before = ""  # the kind of the step before
    conversation = steps(messages)
    for index, step in enumerate(conversation):
        if step.kind == "user":
            prompt += _message("user", step.text)
        elif step.kind == "result":
            header = f"functions.{called} to=assistant"
            prompt += _message(header, to_json(step.text), CHANNEL, Piece("commentary"))
        else:
            called = step.call.name if step.call else called
            answer = _answer(step, conversation[index + 1 :], complete)
            asked = [*prompt, *ASSISTANT]
            turns.append(HarmonyTurn(asked, answer, step.tokens, before, step.flags))
            prompt = []
        before = step.kind
    if prompt and not complete:
        prompt += ASSISTANT
    return [*turns, HarmonyTurn(prompt, [])] if prompt else turns


def text(turns: Sequence[HarmonyTurn]) -> str:
    """Return the turns as text, as the published template does."""
    pieces: list[Piece] = []
    for turn in turns:
        pieces += [*turn.prompt, *turn.answer]
    return "".join(piece.text for piece in pieces)


def _head(system: str, tools: list[dict[str, Any]], settings: HarmonySettings) -> list[Piece]:
    """Return the system message, and the developer message where there is something to say."""
    today = settings.date or calendar_date.today().isoformat()
    about = f"{settings.identity}\nKnowledge cutoff: 2024-06\nCurrent date: {today}\n\n"
    channels = f"{_CHANNELS}\n{_FUNCTIONS}" if tools else _CHANNELS
    head = _message("system", f"{about}Reasoning: {settings.reasoning_effort}\n\n{channels}")
    developer = f"# Instructions\n\n{system}\n\n" if system else ""
    if tools:
        developer += f"# Tools\n\n{namespace(tools)}"
    return head + _message("developer", developer) if developer else head


def _message(header: str, body: str, *channel: Piece) -> list[Piece]:
    return [START, Piece(header), *channel, MESSAGE, Piece(body), END]


def _answer(step: HarmonyStep, rest: Sequence[HarmonyStep], complete: bool) -> list[Piece]:
    """Return the pieces that the model writes for a step; `rest` are the steps behind it."""
    if step.kind == "tokens":
        return []
    if step.call:
        # Sampled tokens do not count: when they were sampled, the prompt before them still held
        # this analysis.
        is_answered = any(later.kind == "final" for later in rest)
        analysis = _analysis(step.reasoning) if step.reasoning and not is_answered else []
        check_name(step.call.name)
        header = [Piece(f" to=functions.{step.call.name}"), CHANNEL, Piece("commentary json")]
        return [*analysis, *header, MESSAGE, Piece(to_json(step.call.arguments)), CALL]
    final = [CHANNEL, Piece("final"), MESSAGE, Piece(step.text)]
    if rest:
        return [*final, END]
    analysis = [] if step.reasoning is None else _analysis(step.reasoning)
    return [*analysis, *final, *([RETURN] if complete else [])]


def _analysis(reasoning: str) -> list[Piece]:
    return [CHANNEL, Piece("analysis"), MESSAGE, Piece(reasoning), END, *ASSISTANT]
