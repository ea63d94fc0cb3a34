"""Template `gpt_oss` with tools: Harmony for `swift sft`, `rlhf`, `infer` and `deploy`.

    swift sft --external_plugins swiftkit/swift_plugins/harmony_template.py --model gpt-oss-20b --dataset train.jsonl

ms-swift 4.6.0 has no agent template for gpt-oss: it drops rows with tools and answers a request
with tools by an error. This template renders them as the published chat template does
(swiftkit/harmony), and the agent template `harmony` reads the calls of an answer
(swiftkit/toolcall/harmony/answer.py).

Settings, by row or request in `chat_template_kwargs`, else by the environment:

    date               SWIFTKIT_HARMONY_DATE      YYYY-MM-DD in the system message; default: today
    reasoning_effort   SWIFTKIT_HARMONY_EFFORT    low, medium or high; default: medium
    model_identity                                the system message's first sentence

swift puts this file's folder on sys.path and imports it by its stem: absolute imports only.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from swift.agent_template import BaseAgentTemplate, agent_template_map
from swift.dataset.preprocessor.core import MessagesPreprocessor
from swift.infer_engine import Function, InferRequest
from swift.template import ContextType, Template, TemplateMeta, register_template
from swift.template.template_inputs import StdTemplateInputs
from swift.template.utils import StopWordsCriteria, get_token_backed_response_ids
from transformers import StoppingCriteriaList

from swiftkit.errors import DataError
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony.conversation import CALLED, CALLS
from swiftkit.toolcall.harmony.prompt import (
    CALL,
    IDENTITY,
    RETURN,
    START,
    Piece,
    Settings,
    Turn,
    render,
)
from swiftkit.toolcall.reasoning import KEYS, join, thinking_of

# What ends an answer. A model that ended its message with <|end|> goes on by opening another in
# somebody else's name.
_STOPS = (
    [CALL],
    [RETURN],
    *([START, Piece(role)] for role in ("user", "system", "developer", "functions")),
)

_MESSAGES = ("messages", "rejected_response")  # how the names of columns end that may hold messages


class HarmonyTemplate(Template):  # type: ignore[misc]  # swift ships no types
    """Builds the token ids itself, from the messages as they are, instead of filling in swift's
    text pattern."""

    # as ms-swift's own: it would need flash attention, which has no attention sinks
    support_padding_free = False

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Template.encode, which gets the messages in OpenAI's writing too, with reasoning and
        parallel calls."""
        if isinstance(inputs, InferRequest):
            inputs = asdict(inputs)
        if isinstance(inputs, dict):
            inputs = {
                key: _carried(value) if key.endswith(_MESSAGES) else value
                for key, value in inputs.items()
            }
        return super().encode(inputs, *args, **kwargs)  # type: ignore[no-any-return]

    def _swift_prepare_inputs(self, inputs: StdTemplateInputs) -> None:
        # else the messages stay apart: swift would join them into pairs of text
        if not self._is_harmony():
            super()._swift_prepare_inputs(inputs)

    def _swift_encode(self, inputs: StdTemplateInputs) -> tuple[list[Any], list[float], int]:
        """(contexts as token ids, the loss weight of each, how many of them are the last
        answer)."""
        if not self._is_harmony():
            return super()._swift_encode(inputs)  # type: ignore[no-any-return]
        contexts: list[Any] = []
        kinds: list[str] = []
        rounds: list[dict[str, Any]] = []
        for turn in self._turns(inputs):
            contexts.append(self._ids(turn.prompt))
            kinds.append(ContextType.OTHER)
            if turn.answer or turn.tokens:
                contexts.append(turn.tokens or self._ids(turn.answer))
                kinds.append(ContextType.RESPONSE)
                rounds += _round(turn, contexts[-1])
        contexts, scales = self.loss_scale(contexts, kinds, rounds, **inputs.extra_kwargs)
        return contexts, scales, int(self.is_training and bool(rounds))

    def _is_harmony(self) -> bool:
        return bool(self.use_chat_template and self.template_backend == "swift")

    def _turns(self, inputs: StdTemplateInputs) -> list[Turn]:
        messages = [self._named(message) for message in inputs.messages]
        complete = self.is_training or self.task_type != "causal_lm"
        if inputs.extra_kwargs.get("add_eos") is not None:
            complete = bool(inputs.extra_kwargs["add_eos"])  # "auto" also asks for the end
        if messages and _is_open(messages[-1]):
            messages, complete = messages[:-1], False
        system = self.template_meta.default_system if inputs.system is None else inputs.system
        return render(messages, system, inputs.tools, self._settings(inputs), complete)

    def _named(self, message: dict[str, Any]) -> dict[str, Any]:
        """An answer of sampled ids, with the tool that it calls: a result after it stands under
        that name."""
        ids = get_token_backed_response_ids(message.get("content"))
        calls = harmony.parse(self.tokenizer.decode(ids)).calls if ids else []
        return message | {CALLED: calls[-1].name} if calls else message

    def _settings(self, inputs: StdTemplateInputs) -> Settings:
        given = {**self.chat_template_kwargs, **inputs.chat_template_kwargs}
        if given.get("builtin_tools"):
            raise DataError(
                "builtin_tools are not supported",
                "builtin_tools",
                "define them as functions in tools",
            )
        day = given.get("date") or os.environ.get("SWIFTKIT_HARMONY_DATE", "")
        effort = given.get("reasoning_effort") or os.environ.get(
            "SWIFTKIT_HARMONY_EFFORT", "medium"
        )
        return Settings(_day(day), effort, given.get("model_identity") or IDENTITY)

    def _ids(self, pieces: Sequence[Piece]) -> list[int]:
        """Control tokens by name; all other text without special tokens, so that none of it can
        become one."""
        texts = [piece.text for piece in pieces if not piece.control]
        options = {
            "add_special_tokens": False,
            "split_special_tokens": True,
            "return_attention_mask": False,
        }
        encoded = iter(self.tokenizer(texts, **options)["input_ids"] if texts else ())
        parts = (
            [self._control_id(piece.text)] if piece.control else next(encoded) for piece in pieces
        )
        return [token for part in parts for token in part]

    def _control_id(self, token: str) -> int:
        identity = self.tokenizer.convert_tokens_to_ids(token)
        if identity is None or identity == self.tokenizer.unk_token_id:
            fix = "use a model of the gpt-oss family"
            raise DataError(f"the tokenizer has no token {token}", "no_harmony_tokens", fix)
        return int(identity)

    def prepare_generate_kwargs(
        self, generate_kwargs: dict[str, Any], **kwargs: Any
    ) -> dict[str, Any]:
        """Stop at the control tokens themselves, not at text in an argument that looks like
        them."""
        generate_kwargs = super().prepare_generate_kwargs(generate_kwargs, **kwargs)
        stops = {_text(stop): self._ids(stop) for stop in _STOPS}
        criteria = [
            StopWordsCriteria(self.tokenizer, [stops.get(word, word) for word in one.stop_words])
            for one in generate_kwargs["stopping_criteria"]
        ]
        return generate_kwargs | {"stopping_criteria": StoppingCriteriaList(criteria)}


class HarmonyAgentTemplate(BaseAgentTemplate):  # type: ignore[misc]
    """What swift asks for the calls of an answer; the prompt's tools are HarmonyTemplate's
    matter."""

    def get_toolcall(self, response: str) -> list[Function]:
        return [Function(call.name, call.arguments) for call in harmony.parse(response).calls]

    def _format_tools(self, *_: Any, **__: Any) -> str:
        raise ValueError(
            "agent template harmony belongs to template gpt_oss: leave --agent_template out"
        )


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _carried(messages: Any) -> Any:
    """OpenAI messages in names that swift leaves alone: it would take calls apart, and drop the
    thinking there."""
    if not isinstance(messages, list):
        return messages
    carried = [_renamed(message) if isinstance(message, dict) else message for message in messages]
    if carried and isinstance(carried[0], dict) and carried[0].get("role") == "developer":
        carried[0] = carried[0] | {"role": "system"}
    return carried


def _renamed(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return message
    rest = {key: value for key, value in message.items() if key != "tool_calls"}
    return rest | {CALLS: message["tool_calls"]}


def _day(day: Any) -> str:
    # pyarrow reads a column of ISO dates in JSON as timestamps, in milliseconds
    if isinstance(day, int):
        return datetime.fromtimestamp(day / 1000, UTC).date().isoformat()
    try:
        return day and date.fromisoformat(day).isoformat()
    except (TypeError, ValueError) as error:
        fix = "write it as SWIFTKIT_HARMONY_DATE=2026-01-31"
        raise DataError(f"the date {day!r} cannot be read: {error}", "bad_date", fix) from error


def _is_open(message: dict[str, Any]) -> bool:
    """swift's mark for "the answer comes here"."""
    return (
        message["role"] == "assistant" and message.get("content") is None and not message.get(CALLS)
    )


def _round(turn: Turn, answer: Any) -> list[dict[str, Any]]:
    """The question and answer that swift's loss scales go by; an answer's second call belongs to
    the same question."""
    asked = {"user": "user", "result": "tool"}.get(turn.follows, "assistant")
    return [{"role": asked, "content": ""}, {"role": "assistant", "content": answer, **turn.flags}]


def _keep_thinking(row: dict[str, Any]) -> dict[str, Any]:
    """Reasoning into the text: swift's loader of data sets keeps a message's role and content, and
    drops the rest."""
    messages = row.get("messages")
    return (
        row | {"messages": [_folded(message) for message in messages]}
        if isinstance(messages, list)
        else row
    )


def _folded(message: Any) -> Any:
    thinking = thinking_of(message, "messages") if isinstance(message, dict) else None
    if (
        not thinking
        or message.get("role") != "assistant"
        or not isinstance(message.get("content") or "", str)
    ):
        return message
    rest = {key: value for key, value in message.items() if key not in KEYS}
    return rest | {"content": join(thinking, message.get("content") or "", "messages")}


def _preprocess(loader: Any, row: dict[str, Any]) -> Any:
    return _swift_preprocess(loader, _keep_thinking(row))


_swift_preprocess = MessagesPreprocessor.preprocess
MessagesPreprocessor.preprocess = _preprocess
agent_template_map["harmony"] = HarmonyAgentTemplate
register_template(
    TemplateMeta(
        "gpt_oss",
        prefix=[],
        prompt=["{{QUERY}}"],
        chat_sep=[],
        suffix=[RETURN.text],
        system_prefix=["{{SYSTEM}}"],
        template_cls=HarmonyTemplate,
        agent_template="harmony",
        stop_words=[_text(stop) for stop in _STOPS],
    ),
    exist_ok=True,
)
