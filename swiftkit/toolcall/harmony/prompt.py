r"""A conversation as gpt-oss reads it, in turns of a prompt and the answer that the model writes.

    <|start|>system<|message|>...<|end|><|start|>developer<|message|>...<|end|>
    <|start|>user<|message|>...<|end|><|start|>assistant
                            <|channel|>analysis<|message|>...<|end|><|start|>assistant
                             to=functions.f<|channel|>commentary json<|message|>{...}<|call|>

In one of two styles. `published`, the default: equal to the character to the chat template
published with gpt-oss-20b and gpt-oss-120b. `openai`: equal to openai-harmony 0.0.8, OpenAI's own
renderer.

                            published                            openai
    a call's type           commentary json                      commentary <|constrain|>json
    a result                as JSON text, in quotes              as it is
    tools                   tool_namespace.py                    openai_namespace.py
    text beside a call      the call's analysis                  a commentary message before it
    analysis that stays     before calls while no final answer   all; once the last answer is final,
                            follows, and the last answer's own   not before the first final answer

In both, the last answer ends with <|return|>, as the model must emit it; earlier ones with <|end|>;
a call with <|call|>. One rule of openai-harmony is left out: rendering for training, it drops the
analysis of a conversation's only answer, which is to be learnt. What answers the last question
keeps its analysis here.

The model writes all that follows its `<|start|>assistant`, so that is what is trained: its end
token, and between analysis and answer also <|end|><|start|>assistant.

A control token is a Piece of its own. Text that looks like one is an ordinary piece: whoever turns
pieces into tokens encodes those without special tokens, so that no user, tool or data row can end a
message or open another.
"""

from collections.abc import Mapping, Sequence
from datetime import date as calendar_date
from typing import Any, Literal, NamedTuple

from swiftkit.errors import DataError
from swiftkit.toolcall.harmony import openai_namespace, tool_namespace
from swiftkit.toolcall.harmony.answer import check_name
from swiftkit.toolcall.harmony.conversation import HarmonyStep, Messages, steps
from swiftkit.toolcall.harmony.tool_namespace import to_json

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
CONSTRAIN = Piece("<|constrain|>", control=True)
CALL = Piece("<|call|>", control=True)
RETURN = Piece("<|return|>", control=True)
ASSISTANT = (START, Piece("assistant"))


HarmonyStyle = Literal["published", "openai"]


class HarmonySettings(NamedTuple):
    """The variable parts of the system message, and the style. date: YYYY-MM-DD, "" for today."""

    date: str = ""
    reasoning_effort: str = "medium"
    identity: str = IDENTITY
    style: HarmonyStyle = "published"


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
    is_openai = settings.style == "openai"
    conversation = steps(messages, has_preambles=is_openai)
    for index, step in enumerate(conversation):
        if step.kind == "user":
            prompt += _message("user", step.text)
        elif step.kind == "result":
            header = f"functions.{called} to=assistant"
            result = step.text if is_openai else to_json(step.text)
            prompt += _message(header, result, CHANNEL, Piece("commentary"))
        else:
            called = step.call.name if step.call else called
            answer = _answer(conversation, index, settings.style)
            if step.kind == "final" and index == len(conversation) - 1:
                answer += [RETURN] if complete else []
            elif step.kind == "final":
                answer.append(END)
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
    is_openai = settings.style == "openai"
    sections = [f"# Instructions\n\n{system}"] if system else []
    if tools:
        style = openai_namespace if is_openai else tool_namespace
        sections.append(f"# Tools\n\n{style.namespace(tools)}")
    if not sections:
        return head
    end = "" if tools or is_openai else "\n\n"
    return head + _message("developer", "\n\n".join(sections) + end)


def _message(header: str, body: str, *channel: Piece) -> list[Piece]:
    return [START, Piece(header), *channel, MESSAGE, Piece(body), END]


def _answer(conversation: Sequence[HarmonyStep], index: int, style: HarmonyStyle) -> list[Piece]:
    """Return the pieces that the model writes for a step, without the end of a final answer."""
    step = conversation[index]
    if step.kind == "tokens":
        return []
    analysis: list[Piece] = []
    if step.reasoning is not None and _keeps_analysis(conversation, index, style):
        analysis = _before("analysis", step.reasoning)
    if not step.call:
        return [*analysis, CHANNEL, Piece("final"), MESSAGE, Piece(step.text)]
    check_name(step.call.name)
    header = [Piece(f" to=functions.{step.call.name}"), CHANNEL, Piece("commentary json")]
    if style == "openai":
        analysis += _before("commentary", step.text) if step.text else []
        header[-1:] = [Piece("commentary"), Piece(" "), CONSTRAIN, Piece("json")]
    return [*analysis, *header, MESSAGE, Piece(to_json(step.call.arguments)), CALL]


def _keeps_analysis(conversation: Sequence[HarmonyStep], index: int, style: HarmonyStyle) -> bool:
    """Tell if the analysis of the answer at `index` stays.

    Sampled tokens are no final answer: when they were sampled, the prompt before them still held
    this analysis.
    """
    kinds = [step.kind for step in conversation]
    if style == "published":
        is_call = conversation[index].call is not None
        return "final" not in kinds[index + 1 :] if is_call else index == len(kinds) - 1
    answers = [kind for kind in kinds if kind not in ("user", "result")]
    is_last_final = answers[-1] == "final"
    answers_last_question = "user" not in kinds[index + 1 :]
    return not is_last_final or answers_last_question or "final" in kinds[:index]


def _before(channel: str, text: str) -> list[Piece]:
    """Return a message that the model writes before another of its own."""
    return [CHANNEL, Piece(channel), MESSAGE, Piece(text), END, *ASSISTANT]
