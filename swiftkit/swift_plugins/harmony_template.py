r"""Template `gpt_oss` with tools: Harmony for `swift sft`, `rlhf`, `infer` and `deploy`.

    swift sft --external_plugins swiftkit/swift_plugins/harmony_template.py \
        --model gpt-oss-20b --dataset train.jsonl

ms-swift 4.6.0 has no agent template for gpt-oss: it drops rows with tools and answers a request
with tools by an error. This template renders them as the published chat template does
(swiftkit/toolcall/harmony), and the agent template `harmony` reads the calls of an answer
(swiftkit/toolcall/harmony/answer.py).

Settings, by row or request in `chat_template_kwargs`, else by the environment:

    date               SWIFTKIT_HARMONY_DATE      YYYY-MM-DD in the system message; default: today
    reasoning_effort   SWIFTKIT_HARMONY_EFFORT    low, medium or high; default: medium
    model_identity                                the system message's first sentence
    harmony_style      SWIFTKIT_HARMONY_STYLE     published (the chat template) or openai

swift puts this file's folder on sys.path and imports it by its stem: absolute imports only.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, get_args

from swift.agent_template import BaseAgentTemplate, agent_template_map
from swift.dataset.preprocessor.core import MessagesPreprocessor
from swift.infer_engine import Function, InferRequest
from swift.template import ContextType, Template, TemplateMeta, register_template
from swift.template.template_inputs import StdTemplateInputs
from swift.template.utils import StopWordsCriteria, get_token_backed_response_ids
from transformers import StoppingCriteriaList

from swiftkit.errors import DataError
from swiftkit.json_text import replace_surrogates
from swiftkit.toolcall.harmony import answer as harmony
from swiftkit.toolcall.harmony.conversation import CALLED, CALLS
from swiftkit.toolcall.harmony.prompt import (
    CALL,
    IDENTITY,
    RETURN,
    START,
    HarmonySettings,
    HarmonyStyle,
    HarmonyTurn,
    Piece,
    render,
)
from swiftkit.toolcall.reasoning import KEYS, join, reasoning_of

# An answer ends with these. A model that ended its message with <|end|> goes on by opening another
# in somebody else's name.
_ROLES = ("user", "system", "developer", "functions")
_STOPS = ([CALL], [RETURN], *([START, Piece(role)] for role in _ROLES))
_MESSAGES = ("messages", "rejected_response")  # endings of the columns that may hold messages


class HarmonyTemplate(Template):  # type: ignore[misc]  # swift ships no types
    """Builds the token ids itself from the messages, instead of filling in swift's text pattern."""

    # As ms-swift's own: it would need flash attention, which has no attention sinks.
    support_padding_free = False
    # under either --template_backend (native_template.py)
    renders_itself = reads_neutral_rows = True

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Encode messages in OpenAI's writing too, with reasoning and parallel calls."""
        if isinstance(inputs, InferRequest):
            inputs = asdict(inputs)
        if isinstance(inputs, dict):
            inputs = dict(inputs)
            for key, value in inputs.items():
                if key.endswith(_MESSAGES) and isinstance(value, list):
                    inputs[key] = _protect_calls(value)
        return super().encode(inputs, *args, **kwargs)  # type: ignore[no-any-return]

    def _swift_prepare_inputs(self, inputs: StdTemplateInputs) -> None:
        # Harmony's messages stay apart: swift would join them into pairs of text.
        if not self._is_harmony():
            super()._swift_prepare_inputs(inputs)

    def _swift_encode(self, inputs: StdTemplateInputs) -> tuple[list[Any], list[float], int]:
        """Return contexts as token ids, the loss weight of each, and the last answer's contexts."""
        if not self._is_harmony():
            return super()._swift_encode(inputs)  # type: ignore[no-any-return]
        contexts: list[Any] = []
        kinds: list[str] = []
        rounds: list[dict[str, Any]] = []
        for turn in self._turns(inputs):
            contexts.append(self._ids(turn.prompt))
            kinds.append(ContextType.OTHER)
            if turn.answer or turn.tokens:
                answer = turn.tokens or self._ids(turn.answer)
                contexts.append(answer)
                kinds.append(ContextType.RESPONSE)
                # Question and answer, which swift's loss scales go by. An answer's second call
                # belongs to the same question.
                role = {"user": "user", "result": "tool"}.get(turn.follows, "assistant")
                rounds.append({"role": role, "content": ""})
                rounds.append({"role": "assistant", "content": answer, **turn.flags})
        contexts, scales = self.loss_scale(contexts, kinds, rounds, **inputs.extra_kwargs)
        return contexts, scales, int(self.is_training and bool(rounds))

    def _jinja_encode(self, inputs: StdTemplateInputs) -> tuple[list[Any], list[float], int]:
        return self._swift_encode(inputs)

    def _is_harmony(self) -> bool:
        return bool(self.use_chat_template)

    def _turns(self, inputs: StdTemplateInputs) -> list[HarmonyTurn]:
        messages: list[dict[str, Any]] = []
        for message in inputs.messages:
            # The result of a call that was sampled, as token ids, needs the name of the tool.
            ids = get_token_backed_response_ids(message.get("content"))
            calls = harmony.parse(self.tokenizer.decode(ids)).calls if ids else []
            messages.append(message | {CALLED: calls[-1].name} if calls else message)
        complete = self.is_training or self.task_type != "causal_lm"
        if inputs.extra_kwargs.get("add_eos") is not None:
            complete = bool(inputs.extra_kwargs["add_eos"])  # "auto" also asks for the end
        if messages:
            last = messages[-1]
            is_empty = last.get("content") is None and not last.get(CALLS)
            if last["role"] == "assistant" and is_empty:  # swift's mark for "the answer comes here"
                messages, complete = messages[:-1], False
        system = self.template_meta.default_system if inputs.system is None else inputs.system
        return render(messages, system, inputs.tools, self._settings(inputs), complete)

    def _settings(self, inputs: StdTemplateInputs) -> HarmonySettings:
        options = {**self.chat_template_kwargs, **inputs.chat_template_kwargs}
        if options.get("builtin_tools"):
            fix = "define them as functions in tools"
            raise DataError("builtin_tools are not supported", "builtin_tools", fix)
        day = options.get("date") or os.environ.get("SWIFTKIT_HARMONY_DATE", "")
        default_effort = os.environ.get("SWIFTKIT_HARMONY_EFFORT", "medium")
        effort = options.get("reasoning_effort") or default_effort
        identity = options.get("model_identity") or IDENTITY
        style = options.get("harmony_style") or os.environ.get("SWIFTKIT_HARMONY_STYLE")
        return HarmonySettings(_iso_date(day), effort, identity, _style(style or "published"))

    def _ids(self, pieces: Sequence[Piece]) -> list[int]:
        """Encode control tokens by name, and all other text so that it cannot become one."""
        texts = [replace_surrogates(piece.text) for piece in pieces if not piece.control]
        options = {"add_special_tokens": False, "split_special_tokens": True}
        options["return_attention_mask"] = False
        encoded = iter(self.tokenizer(texts, **options)["input_ids"] if texts else ())
        ids: list[int] = []
        for piece in pieces:
            if not piece.control:
                ids += next(encoded)
                continue
            identity = self.tokenizer.convert_tokens_to_ids(piece.text)
            if identity is None or identity == self.tokenizer.unk_token_id:
                reason = f"the tokenizer has no token {piece.text}"
                raise DataError(reason, "no_harmony_tokens", "use a model of the gpt-oss family")
            ids.append(int(identity))
        return ids

    def prepare_generate_kwargs(
        self, generate_kwargs: dict[str, Any], **kwargs: Any
    ) -> dict[str, Any]:
        """Stop at the control tokens themselves, not at text that looks like them."""
        generate_kwargs = super().prepare_generate_kwargs(generate_kwargs, **kwargs)
        stops = {_text(stop): self._ids(stop) for stop in _STOPS}
        criteria = []
        for criterion in generate_kwargs["stopping_criteria"]:
            words = [stops.get(word, word) for word in criterion.stop_words]
            criteria.append(StopWordsCriteria(self.tokenizer, words))
        return generate_kwargs | {"stopping_criteria": StoppingCriteriaList(criteria)}


class HarmonyAgentTemplate(BaseAgentTemplate):  # type: ignore[misc]
    """Reads the calls of an answer for swift. HarmonyTemplate writes the tools of the prompt."""

    def get_toolcall(self, response: str) -> list[Function]:
        return [Function(call.name, call.arguments) for call in harmony.parse(response).calls]

    def _format_tools(self, *_: Any, **__: Any) -> str:
        fix = "leave --agent_template out"
        raise ValueError(f"agent template harmony belongs to template gpt_oss: {fix}")


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _protect_calls(messages: list[Any]) -> list[Any]:
    """Rename the calls: swift would take them apart, and drop the reasoning beside them."""
    protected = []
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            message = dict(message)
            if message.get("tool_calls"):
                message[CALLS] = message.pop("tool_calls")
            if index == 0 and message.get("role") == "developer":
                message["role"] = "system"
        protected.append(message)
    return protected


def _style(style: Any) -> HarmonyStyle:
    if style in get_args(HarmonyStyle):
        return style  # type: ignore[no-any-return]
    fix = f"write one of {', '.join(get_args(HarmonyStyle))}"
    raise DataError(f"there is no style {style!r} of Harmony", "bad_harmony_style", fix)


def _iso_date(day: Any) -> str:
    # pyarrow reads a column of ISO dates in JSON as timestamps, in milliseconds.
    if isinstance(day, int):
        return datetime.fromtimestamp(day / 1000, UTC).date().isoformat()
    try:
        return day and date.fromisoformat(day).isoformat()
    except (TypeError, ValueError) as error:
        fix = "write it as SWIFTKIT_HARMONY_DATE=2026-01-31"
        raise DataError(f"the date {day!r} cannot be read: {error}", "bad_date", fix) from error


def _join_reasoning(message: Any) -> Any:
    """Write an assistant's reasoning into its text."""
    reasoning = reasoning_of(message, "messages") if isinstance(message, dict) else None
    if not reasoning or message.get("role") != "assistant":
        return message
    content = message.get("content") or ""
    if not isinstance(content, str):
        return message
    rest = {key: value for key, value in message.items() if key not in KEYS}
    return rest | {"content": join(reasoning, content, "messages")}


def _preprocess(loader: Any, row: dict[str, Any]) -> Any:
    """Keep reasoning: swift's loader of data sets keeps a message's role and content alone."""
    row = dict(row)
    for key, value in row.items():
        if key.endswith(_MESSAGES) and isinstance(value, list):
            row[key] = [_join_reasoning(message) for message in value]
    return _swift_preprocess(loader, row)


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
