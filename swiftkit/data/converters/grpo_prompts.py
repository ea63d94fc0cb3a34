r"""GRPO prompts: questions without an answer, with the columns that a reward function compares
with.

Source: TRL's GRPO data (trl-lib/DeepMath-103K) and verl's (its preprocessed GSM8K). Real rows of
the two:

    {"prompt": [{"role": "user", "content": "What is $1+1$?"}], "solution": "$2$"}
    {"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "Natalia sold ..."}],
     "ability": "math", "reward_model": {"style": "rule", "ground_truth": "72"},
     "extra_info": {"split": "train"}}

The prompt is a text or messages, also under the names problem, question, query, instruction and so
on (data/from_instruction.py); a list `messages` that ends with a question is read too. The gold is
one of solution, answer, ground_truth and reward_model. A prompt without gold needs some other
column for the reward function. All columns are kept, each as text and what is no text as JSON text,
for a column must hold one type. A reward function of ms-swift's gets them by name; its own read
`solution`, so verl's ground truth is written there too, unless there is a solution already.
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.column_names import GOLDS, QUESTIONS, column_of, spellings
from swiftkit.data.columns import MEDIA
from swiftkit.data.from_openai import is_prompt_with_gold, messages_of, reads_of
from swiftkit.data.json_values import as_text, field
from swiftkit.data.roles import are_messages, has_call_roles
from swiftkit.data.rows import make_row
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 320
READS = {
    "": f"messages ground_truth reward_model extra_info {spellings((*QUESTIONS, *GOLDS))}",
    **reads_of("messages", *QUESTIONS),
}

_PROMPTS = ("prompt", "problem", "question")
# columns of an answer, or of a whole conversation
_ANSWERS = ("completion", "response", "output", "label", "expected_calls", "conversations")
_AS_THEY_ARE = ("id", "tools", "chat_template_kwargs", *MEDIA)


def matches(record: dict[str, Any]) -> bool:
    messages = record.get("messages")
    if messages is not None:
        # ms-swift's own rows pass as they are
        return is_prompt_with_gold(record) and not has_call_roles(messages)
    if any(record.get(name) is not None for name in _ANSWERS):
        return False
    prompt = record.get(_prompt_column(record))
    return bool(prompt.strip()) if isinstance(prompt, str) else are_messages(prompt)


def convert(record: dict[str, Any]) -> Iterable[Row]:
    column = _prompt_column(record)
    prompt = record.get(column) if record.get("messages") is None else record["messages"]
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}] if prompt.strip() else []
    messages = messages_of(prompt, "prompt")
    if not messages:
        raise DataError("the prompt is empty", "no_question", "fill in prompt")
    if messages[-1]["role"] not in ("user", "tool_response"):
        reason = "the prompt does not end with a question or a tool's result"
        raise DataError(reason, "ends_with_answer", "take the answer out of the prompt")
    columns = dict(record)
    for name, value in record.items():
        if value is not None and name not in _AS_THEY_ARE:
            columns[name] = as_text(value)
    row: Any = make_row(messages, columns, ("messages", column))
    solution = record.get("solution")
    if solution is None:
        solution = field(record.get("reward_model"), "ground_truth")
    if solution is not None:
        row["solution"] = as_text(solution)
    return [row]


def _prompt_column(record: dict[str, Any]) -> str:
    for name in _PROMPTS:
        if record.get(name) is not None:
            return name
    gold = column_of(record, GOLDS)
    if gold is None or record[gold] is None:
        return "prompt"
    return column_of(record, QUESTIONS) or "prompt"
