r"""The model's own chat template for `swift sft`, `rlhf`, `infer` and `deploy`.

    swift sft --external_plugins swiftkit/swift_plugins/native_template.py \
        --template_backend jinja --model models/Qwen3-8B --dataset train.jsonl

ms-swift 4.6.0 renders a conversation by templates of its own, and with `--template_backend jinja`
it trains prompts too. With this plugin that backend makes the token ids that a server makes of the
model's own chat template, and trains what the model has to write (docs/rendering.md): nothing else,
and each turn only if a server would let it be written as it stands. Turns without a loss are said.

    --enable_thinking true|false    one switch for training and serving; left out, the template's
                                    own default holds, as behind other servers
    SWIFTKIT_TEMPLATE_DATE          YYYY-MM-DD for templates that print the date; default: today
    SWIFTKIT_TRAIN_EMPTY_THINK=1    trains the block without reasoning that a model has to write

With `--template_backend swift` the plugin only hands swift's own templates what rows hold
(neutral_rows.py). gpt-oss has its own renderer under either backend (harmony_template.py).

swift puts this file's folder on sys.path and imports it by its stem: absolute imports only.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from swift.template import ContextType, Template

from swiftkit.errors import DataError, UsageError
from swiftkit.json_text import replace_surrogates
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.control_tokens import ControlTokens
from swiftkit.rendering.message_form import probe_form
from swiftkit.rendering.model_folder import read_chat_template
from swiftkit.rendering.token_ids import TextEncoder
from swiftkit.rendering.training_row import RowEncoder, TrainingRow
from swiftkit.swift_plugins import neutral_rows, template_record  # noqa: F401 - it patches swift
from swiftkit.swift_plugins.neutral_rows import RowConversation, conversation_of
from swiftkit.swift_plugins.sampled_turns import sampled_contexts
from swiftkit.swift_plugins.weighed_texts import AnswerText, in_tokens
from swiftkit.toolcall import reasoning
from swiftkit.toolcall.alternatives import any_of

_OPENED = re.compile(rf"(?:{any_of(reasoning.TAGS)})\s*\Z")
# parts of --loss_scale by which whole answers are weighed; others take texts apart
_WHOLE = {"default", "last_round", "all", "base", "ignore_empty_think"}


class NativeTemplate(Template):  # type: ignore[misc]  # swift ships no types
    """Makes the token ids itself, by the chat template of the model's folder."""

    reads_neutral_rows = is_rendered_natively = True

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Encode messages in OpenAI's writing too, with reasoning, ids and names."""
        inputs = neutral_rows.columns_with(inputs, neutral_rows.row_messages)
        try:
            return super().encode(inputs, *args, **kwargs)  # type: ignore[no-any-return]
        except DataError as error:
            if not self.is_training:
                raise
            reason = f"{neutral_rows.place_of(inputs)}: {error.reason}"
            raise DataError(reason, error.code, error.fix) from error

    def init_processor(self, processor: Any) -> None:
        super().init_processor(processor)
        if self._processor_inited:
            self.stop_at_own_ends()

    def stop_at_own_ends(self) -> None:
        """Stop where other servers do.

        Raises DataError for a model without a chat template, UsageError for one that reads media.
        """
        if self.model_meta.is_multimodal:
            fix = "use --template_backend swift"
            reason = "native_template.py renders for models of text alone"
            raise UsageError(f"{self.model_info.model_dir}: {reason}: {fix}")
        words = self.template_meta.stop_words
        words += [text for text in self.rows.template.stop_tokens if text not in words]

    def _swift_prepare_inputs(self, inputs: Any) -> None:
        """Leave the messages apart: swift would join them into pairs of text."""

    def _preprocess_tools(self, inputs: Any) -> None:
        """Read the tools, and leave them as they are."""
        inputs.tools = neutral_rows.tools_of(inputs.tools)

    @staticmethod
    def _add_dynamic_eos(*_: Any) -> None:
        """Add no end: it stands in what is trained."""

    def _get_response_prefix(self, inputs: Any = None) -> str:
        """Return what was asked for: the rendered prompt holds all that the template puts there."""
        options = {} if inputs is None else inputs.chat_template_kwargs
        return options.get("response_prefix") or self.response_prefix or ""

    def _jinja_encode(self, inputs: Any) -> tuple[list[Any], list[float], int]:
        """Return contexts as token ids, and the loss weight of each."""
        tools, settings = inputs.tools or None, self.settings(inputs.chat_template_kwargs)

        def read_answer(ids: Sequence[int]) -> dict[str, Any]:
            return neutral_rows.read_answer(self, ids, tools)

        messages = self._messages(inputs)
        is_complete = self._is_complete(inputs, messages)
        begun = ""
        if not is_complete:
            begun = self.rows.encoder.control.marked(_take_begun(messages))
            begun = self._get_response_prefix(inputs) + begun
        conversation = conversation_of(messages, read_answer, tools)
        if conversation.sampled:
            contexts, kinds, rounds = sampled_contexts(self, conversation, tools, settings)
        elif is_complete:
            contexts, kinds, rounds = self._trained_contexts(conversation, tools, settings)
        else:
            prompt, begun = self._prompt(conversation.messages, tools, settings, begun)
            contexts, kinds, rounds = [prompt], [ContextType.OTHER], []
        if begun:
            contexts.append(self.rows.encoder.encode(begun))
            kinds.append(ContextType.OTHER)
        answers = [context for context in contexts if isinstance(context, AnswerText)]
        contexts, scales = self.loss_scale(contexts, kinds, rounds, **inputs.extra_kwargs)
        contexts = in_tokens(contexts, answers, self.tokenizer)
        return contexts, scales, int(self.is_training and bool(rounds))

    def _messages(self, inputs: Any) -> list[dict[str, Any]]:
        messages = list(inputs.messages)
        system = inputs.system if inputs.system is not None else self.asked["default_system"]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        last = messages[-1] if messages else {}
        if last.get("role") == "assistant" and last.get("content") is None:
            messages.pop()  # swift's mark for "the answer comes here"
        if not messages:
            raise DataError("no messages", "no_messages", "a conversation is a list of messages")
        return messages

    def _is_complete(self, inputs: Any, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the messages are a whole conversation, whose last answer has its end."""
        if messages[-1]["role"] not in neutral_rows.ANSWERS:
            return False
        asked = inputs.extra_kwargs.get("add_eos")
        if asked is not None:
            return bool(asked)  # "auto" also asks for the end
        return bool(self.is_training or self.task_type != "causal_lm")

    def _trained_contexts(
        self, conversation: RowConversation, tools: Any, settings: dict[str, Any]
    ) -> tuple[list[Any], list[str], list[dict[str, Any]]]:
        wanted = conversation.with_loss
        if self.loss_scale.base_strategy == "last_round":
            wanted = [index for index in wanted if index > conversation.last_question]
        row = self.rows.row(conversation.messages, tools, settings, wanted)
        self._note(row)
        contexts: list[Any] = []
        kinds: list[str] = []
        rounds: list[dict[str, Any]] = []
        pieces = list(row.pieces)
        if self.task_type != "causal_lm":
            pieces = pieces[:-1] or pieces  # a score is read at the last token: the turn's end
        for piece in pieces:
            skipped = 0 if self.trains_empty_reasoning else piece.empty_reasoning
            if skipped or not piece.turn:
                contexts.append(piece.ids[:skipped] if piece.turn else piece.ids)
                kinds.append(ContextType.OTHER)
            if piece.turn:
                answer: Any = piece.ids[skipped:]
                if self._weighs_texts:
                    answer = AnswerText.of(answer, self.tokenizer)
                question = conversation.messages[piece.turn.message - 1]["role"]
                rounds.append({"role": question if question == "tool" else "user", "content": ""})
                flags = conversation.flags[piece.turn.message]
                rounds.append({"role": "assistant", "content": answer, **flags})
                contexts.append(answer)
                kinds.append(ContextType.RESPONSE)
        return contexts, kinds, rounds

    def _prompt(
        self, messages: Any, tools: Any, settings: dict[str, Any], begun: str
    ) -> tuple[list[int], str]:
        """Return the ids of the prompt, and the text of the answer that is begun behind them."""
        text = self.rows.prompt_text(messages, tools, settings)
        if opened := _OPENED.search(text):
            begun = begun.removeprefix(opened[0])  # decode_generate_ids writes it
        return self.rows.encoder.encode(text), begun

    def _note(self, row: TrainingRow) -> None:
        """Say which turns have no loss, at the first of a kind, the tenth, the hundredth, ..."""
        for turn in row.without_loss:
            self.without_loss[turn.status] += 1
            count = self.without_loss[turn.status]
            if count == 10 ** (len(str(count)) - 1):
                so_far = f"{count} so far in this process" if count > 1 else "the first one"
                text = f"swiftkit: a turn without a loss ({so_far}): {turn.described()}"
                print(text, file=sys.stderr, flush=True)

    def settings(self, options: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the variables of the chat template for a row's chat_template_kwargs."""
        settings = {}
        for name, value in {**self.chat_template_kwargs, **(options or {})}.items():
            if value is not None and name != "response_prefix":
                settings[name] = value
        for name in ("enable_thinking", "preserve_thinking"):
            if self.asked[name] is not None:
                settings.setdefault(name, self.asked[name])
        thinking = settings.get("enable_thinking")
        if thinking is not None and "enable_thinking" not in self.rows.template.variables():
            settings.setdefault("thinking", thinking)
        return settings

    def decode_generate_ids(
        self,
        generate_ids: list[int],
        *,
        first_token: bool = True,
        template_inputs: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return the text of an answer, with the reasoning's opening tag that the prompt ends with.

        Without it nobody could tell reasoning that is not closed yet from content.
        """
        text = super().decode_generate_ids(
            generate_ids, first_token=first_token, template_inputs=template_inputs, **kwargs
        )
        if not first_token or not isinstance(text, str):
            return text
        options = {} if template_inputs is None else template_inputs.chat_template_kwargs
        return self._opened(json.dumps(self.settings(options), default=str)) + text

    @lru_cache(maxsize=64)  # noqa: B019 - a template lives as long as its process
    def _opened(self, settings: str) -> str:
        """Return the tag with which a prompt ends, for settings in JSON: a request's may be any."""
        question = [{"role": "user", "content": "?"}]
        try:
            opened = _OPENED.search(self.rows.prompt_text(question, None, json.loads(settings)))
        except DataError:
            return ""
        return opened[0] if opened else ""

    def skip_stop_tokens(self, generate_ids: list[int], is_finished: bool = True) -> list[int]:
        """Leave out the stop token that ends an answer, whichever of them it is."""
        ids: list[int] = super().skip_stop_tokens(generate_ids, is_finished)
        return ids[:-1] if ids and ids[-1] in self.stop_ids else ids

    @cached_property
    def rows(self) -> RowEncoder:
        """What makes token ids of messages."""
        template = self._chat_template()
        special = [str(token) for token in self.tokenizer.added_tokens_decoder.values()
                   if token.special]  # fmt: skip
        encoder = TextEncoder(self._ids, self._word_ids, ControlTokens.of(special))
        return RowEncoder(template, probe_form(template), encoder)

    def _chat_template(self) -> ChatTemplate:
        """Return the model's chat template, as its tokenizer has read it."""
        folder = read_chat_template(Path(self.model_info.model_dir))
        tokens = {
            name: value
            for name, value in self.tokenizer.special_tokens_map.items()
            if isinstance(value, str)
        }
        special_tokens = {**folder.special_tokens, **tokens}
        return replace(folder, special_tokens=special_tokens, now=_pinned_day())

    def _ids(self, text: str) -> list[int]:
        return self._tokenize(replace_surrogates(text))  # type: ignore[no-any-return]

    def _word_ids(self, text: str) -> list[int]:
        return self._tokenize(replace_surrogates(text), split_special_tokens=True)  # type: ignore[no-any-return]

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """The ids of the tokens at which a server stops."""
        ids = [self._ids(text) for text in self.rows.template.stop_tokens]
        return frozenset(each[0] for each in ids if len(each) == 1)

    @cached_property
    def trains_empty_reasoning(self) -> bool:
        return os.environ.get("SWIFTKIT_TRAIN_EMPTY_THINK", "") == "1"

    @cached_property
    def _weighs_texts(self) -> bool:
        return not _WHOLE.issuperset(self._loss_scale.split("+"))

    @cached_property
    def rollout_prompts(self) -> Counter[str]:
        """Later turns of rollouts in training, and what differs from the prompts of a server."""
        return Counter()

    @cached_property
    def without_loss(self) -> Counter[str]:
        """How many turns had no loss, by status, in this process."""
        return Counter()

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        state.pop("rows", None)  # made again in another process: Jinja's templates stay in theirs
        return state


def _pinned_day() -> datetime | None:
    day = os.environ.get("SWIFTKIT_TEMPLATE_DATE")
    try:
        return datetime.fromisoformat(day) if day else None
    except ValueError as error:
        fix = "write it as 2026-01-31"
        raise UsageError(f"SWIFTKIT_TEMPLATE_DATE={day}: {error}; {fix}") from error


def _take_begun(messages: list[dict[str, Any]]) -> str:
    """Take the answer at the end from messages, and return its text as it stands.

    One that ends with calls is whole: another one is asked for, as swift does for rows that end
    with a text. Answers that are token ids stay. Raises DataError (continues_reasoning) if its
    reasoning stands apart from its text: nobody knows whether that is closed.
    """
    begun = ""
    is_whole = bool(messages) and messages[-1]["role"] == "tool_call"
    while messages and messages[-1]["role"] in neutral_rows.ANSWERS:
        content = messages[-1].get("content") or ""
        if not isinstance(content, str):
            break
        message = messages.pop()
        if not is_whole and any(message.get(key) for key in reasoning.KEYS):
            reason = "an answer whose reasoning stands apart cannot be continued"
            fix = "leave out the reasoning, or the answer"
            raise DataError(reason, "continues_reasoning", fix)
        begun = content + begun
    return "" if is_whole else begun


def _init(
    template: Any, processor: Any, template_meta: Any, default_system: Any = None,
    *args: Any, **kwargs: Any,
) -> None:  # fmt: skip
    _swift_init(template, processor, template_meta, default_system, *args, **kwargs)
    template.asked = {"default_system": default_system}
    for name in ("enable_thinking", "preserve_thinking"):
        template.asked[name] = kwargs.get(name)
    is_ours = getattr(template, "renders_itself", False)
    if template.template_backend == "jinja" and template.use_chat_template and not is_ours:
        template.__class__ = NativeTemplate
        if template._processor_inited:
            template.stop_at_own_ends()


_swift_init = Template.__init__
Template.__init__ = _init
