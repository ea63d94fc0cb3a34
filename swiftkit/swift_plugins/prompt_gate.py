"""GRPO: are the prompts those of the model's own chat template?

Before the first step the first rows are rendered twice: by the template that the rollouts will use,
and by apply_chat_template of transformers, as other servers do it. With `--template_backend jinja`
(native_template.py) a difference stops the run; swift's own templates differ by choice, so there it
is only said.

In the log, parity/equal is the share of the later turns' prompts, in rollouts that are trained,
that a server would send; parity/CAUSE are the shares of those that differ (sampled_turns.py).
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from swiftkit.data.to_openai import openai_messages
from swiftkit.errors import DataError
from swiftkit.json_text import replace_surrogates
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.message_form import MessageForm, probe_form
from swiftkit.rendering.neutral_messages import neutral
from swiftkit.rendering.served_tools import tools_as_served
from swiftkit.toolcall.tools import tools_from

_ROWS = 20
_SHOWN = 60  # characters around a difference


def check_prompts(trainer: Any) -> None:
    """Raise DataError (prompt_differs) if a prompt is not the one that a server would send."""
    template = trainer.template
    text = template.tokenizer.chat_template
    is_native = getattr(template, "is_rendered_natively", False)
    dataset = trainer.train_dataset
    is_known = hasattr(dataset, "__len__") and isinstance(text, str)
    if not is_known or getattr(template, "renders_itself", False):
        return
    form = probe_form(ChatTemplate({"default": text}, template.tokenizer.special_tokens_map))
    rows = list(_rows(dataset))
    found = [difference for row in rows if (difference := _difference(template, form, row))]
    if found and is_native:
        fix = (
            "say which model it is in an issue; --template_backend swift trains without this check"
        )
        count = f"{len(found)} of the first {len(rows)} prompts"
        reason = f"{count} are not those of the model's own chat template; the first: {found[0]}"
        raise DataError(reason, "prompt_differs", fix)
    if found:
        count = f"{len(found)} of the first {len(rows)} prompts"
        text = f"\nswiftkit: {count} are not those of the model's own chat template, which other"
        text += f" servers send; the first: {found[0]}\n--template_backend jinja trains with it"
        print(text, file=sys.stderr, flush=True)


def log_prompts(trainer_class: Any) -> None:
    """Wrap a trainer's `log`, so that it adds the shares of all processes."""
    swift_log = trainer_class.log
    gather = sys.modules[trainer_class.__module__].gather_object  # from accelerate

    def log(trainer: Any, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        own = getattr(trainer.template, "rollout_prompts", None) or Counter()
        counts: Counter[str] = Counter()
        for each in gather([dict(own)]):
            counts.update(each)
        own.clear()
        turns = counts.pop("turns", 0)
        for name, count in counts.items():
            logs[f"parity/{name}"] = count / turns
        swift_log(trainer, logs, *args, **kwargs)

    trainer_class.log = log


def _rows(dataset: Any) -> Iterator[Mapping[str, Any]]:
    for index in range(min(_ROWS, len(dataset))):
        yield dataset[index]


def _difference(template: Any, form: MessageForm, row: Mapping[str, Any]) -> str:
    """Return where the prompt of a row differs from the published one; "" where it does not."""
    messages = list(row["messages"])
    while messages and messages[-1]["role"] in ("assistant", "tool_call"):
        messages.pop()
    tokenizer, tools = template.tokenizer, tools_as_served(tools_from(row.get("tools")))
    settings = row.get("chat_template_kwargs") or {}
    variables = template.settings(settings) if hasattr(template, "settings") else settings
    conversation = form.apply(neutral(openai_messages(messages, "a row", reads_markup=False)))
    system = getattr(template, "asked", {}).get("default_system")
    if system is not None and conversation[0]["role"] != "system":
        conversation.insert(0, {"role": "system", "content": system})
    if _holds_control_token(template, [conversation, tools]):
        return ""  # the named exception: here it is encoded as text
    try:
        published = tokenizer.apply_chat_template(
            conversation, tools=tools, add_generation_prompt=True, tokenize=False,
            **variables,
        )  # fmt: skip
    except Exception as error:  # whatever a foreign template raises
        return f"the chat template refuses it: {error}"
    published = replace_surrogates(published)
    with template.generate_context():
        asked = {"messages": messages, "tools": tools, "chat_template_kwargs": settings}
        ids = template.encode(asked)["input_ids"]
    if ids == tokenizer(published, add_special_tokens=False)["input_ids"]:
        return ""
    return _parting(tokenizer.decode(ids), published)


def _holds_control_token(template: Any, value: Any) -> bool:
    """Tell if a text of the messages or tools holds a control token's name, for native_template.py;
    ms-swift's own templates make the token of it, as servers do."""
    if not getattr(template, "is_rendered_natively", False):
        return False
    return bool(template.rows.encoder.control.marked(value) != value)


def _parting(ours: str, published: str) -> str:
    place = 0
    while ours[place : place + 1] == published[place : place + 1] != "":
        place += 1
    shown, expected = ours[place : place + _SHOWN], published[place : place + _SHOWN]
    return f"at character {place} {shown!r}, published {expected!r}"
