"""Rows that do not suit the stage. swift deletes most of them without a word, or trains on
something else."""

import itertools
from collections.abc import Callable, Iterator

from swiftkit.preflight.data_rows import Row, first_rows, late_columns
from swiftkit.preflight.rewarded_rows import unrewarded
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Fault, Recipe

_ANSWERS = ("assistant", "gpt", "bot", "tool_call", "function_call")
_RESPONSES = ("response", "answer", "output", "targets", "target", "answer_key", "answers", "solution", "text",
              "completion", "content")  # fmt: skip
_QUESTIONS = ("query", "prompt", "input", "instruction", "question", "problem")
_PAIRS = ("dpo", "rm", "orpo", "cpo", "simpo")
_DROPPED = ("reasoning_content", "thinking", "weight", "train", "function_call")
_ROLES = (
    "system user human assistant gpt bot tool tool_call tool_response function_call function_response observation"
    " observations tool-call tool-response"
).split()
_TRAINED = "convert the file again: `swiftkit convert`"


def broken_row(recipe: Recipe) -> Iterator[Fault]:
    """A line that is no JSON object: the whole file fails to load."""
    return _first(
        recipe,
        lambda row: row.content is None,
        "is no JSON object",
        "mend the line, or convert the file again",
    )


def no_conversation(recipe: Recipe) -> Iterator[Fault]:
    """A row without messages, and without the columns that swift makes them of."""
    known = {"messages", "conversation", "conversations", *_QUESTIONS, *_RESPONSES}
    if recipe.says("columns", "cached_dataset"):
        return iter(())
    return _first(
        recipe,
        lambda row: row.content is not None and not known & set(row.content),
        "has no messages",
        _TRAINED,
    )


def no_answer(recipe: Recipe) -> Iterator[Fault]:
    """A row of training that ends without an answer: swift deletes it."""
    if recipe.stage not in ("sft", *_PAIRS, "kto") or recipe.says("columns"):
        return iter(())
    message = "does not end in an answer, and there is nothing to learn from it"
    return _first(
        recipe, _lacks_answer, message, "leave such rows out: `swiftkit convert --to sft`"
    )


def no_rejected(recipe: Recipe) -> Iterator[Fault]:
    """A row of preferences without the answer that was not preferred."""
    columns = ("rejected_response", "rejected_messages", "rejected_tools")
    if recipe.stage not in _PAIRS or recipe.says("columns"):
        return iter(())
    fix = "write them: `swiftkit convert --to preference`"
    message = "has no rejected_response, which this stage compares with"
    return _first(recipe, lambda row: not set(columns) & set(row.content or columns), message, fix)


def no_label(recipe: Recipe) -> Iterator[Fault]:
    """A row of KTO without its label."""
    if recipe.stage != "kto" or recipe.says("columns"):
        return iter(())
    fix = "write them: `swiftkit convert --to kto`"
    return _first(
        recipe,
        lambda row: "label" not in (row.content or {"label": 1}),
        "has no label, true or false",
        fix,
    )


def kto_ending(recipe: Recipe) -> Iterator[Fault]:
    """A row of KTO or GKD that ends in a tool_call turn: the call has to be an answer's text."""
    if recipe.stage != "kto" and not (recipe.stage == "gkd" and (recipe.number("lmbda") or 0) > 0):
        return iter(())
    message = "ends in a tool_call turn, which this stage refuses"
    return _first(
        recipe,
        lambda row: row.last_role in ("tool_call", "function_call"),
        message,
        f"{_TRAINED} --to kto",
    )


def answer_in_prompt(recipe: Recipe) -> Iterator[Fault]:
    """A row of GRPO that ends in its tool call: the answer stands in the prompt."""
    if recipe.stage != "grpo":
        return iter(())
    message = "ends in its tool call, and the model would read the answer"
    return _first(
        recipe,
        lambda row: row.last_role in ("tool_call", "function_call"),
        message,
        f"{_TRAINED} --to grpo",
    )


def answer_left_out(recipe: Recipe) -> Iterator[Fault]:
    """A row of GRPO that ends in an assistant turn, which swift takes away."""
    if recipe.stage != "grpo":
        return iter(())
    message = "ends in an assistant turn, which swift takes away before the model answers"
    return _first(
        recipe,
        lambda row: row.last_role in ("assistant", "gpt"),
        message,
        f"{_TRAINED} --to grpo",
        warn=True,
    )


def answer_leaks(recipe: Recipe) -> Iterator[Fault]:
    """A row of inference that ends in a tool call: swift leaves it in the prompt."""
    if recipe.verb != "infer":
        return iter(())
    message = "ends in its tool call, which stays in the prompt"
    return _first(
        recipe,
        lambda row: row.last_role in ("tool_call", "function_call"),
        message,
        "cut the rows before it",
    )


def unrewarded_row(recipe: Recipe) -> Iterator[Fault]:
    """A row without the gold calls that the tool-call rewards judge by."""
    if recipe.stage == "grpo":
        for finding in unrewarded(recipe.settings):
            yield recipe.fail(finding.name, finding.message, finding.fix)


def nested_value(recipe: Recipe) -> Iterator[Fault]:
    """Tools that are no JSON string: the reader merges differing ones and fills them up with
    nulls."""
    message = "has tools that are no JSON string: rows with other tools fill them up with nulls"
    return _first(
        recipe,
        lambda row: isinstance((row.content or {}).get("tools"), list),
        message,
        _TRAINED,
        warn=True,
    )


def mixed_content(recipe: Recipe) -> Iterator[Fault]:
    """Contents that are text in one row and parts in another: `datasets` turns all into JSON text,
    or stops."""
    if not any(_has_text(row) for row in first_rows(recipe)):
        return iter(())
    message = "has a content of parts, and others have text: all of them become JSON text"
    return _first(recipe, _has_parts, message, _TRAINED)


def changing_column(recipe: Recipe) -> Iterator[Fault]:
    """A column of one kind in the first row and of another later: the file does not load."""
    kinds: dict[tuple[str, str], str] = {}
    for row in first_rows(recipe):
        file = row.place.rpartition(":")[0]
        for name, value in (row.content or {}).items():
            kind = _kind(value)
            before = kinds.setdefault((file, name), kind) if kind else ""
            if kind and before != kind:
                yield recipe.fail(
                    row.flag, f"{row.place}: {name} is {kind}, and {before} before", _TRAINED
                )
                return


def late_column(recipe: Recipe) -> Iterator[Fault]:
    """A column that first appears after 10 MB: `datasets` stops at it."""
    for flag, place, name in late_columns(recipe):
        message = f"{place}: {name} first appears after 10 MB, and the reader stops at it"
        yield recipe.fail(flag, message, "put the row first, or convert the file again")


def dropped_key(recipe: Recipe) -> Iterator[Fault]:
    """Keys of a message that swift drops in silence, reasoning above all."""
    for name in _DROPPED:
        found = next(
            (
                row
                for row in first_rows(recipe)
                if any(message.get(name) for message in row.messages)
            ),
            None,
        )
        if found and recipe.trains:
            message = f"{found.place}: swift drops a message's {name} without a word"
            yield recipe.warn(found.flag, message, "`swiftkit convert` keeps reasoning as <think>")


def unknown_role(recipe: Recipe) -> Iterator[Fault]:
    """A turn of a role that swift does not know: the row is deleted."""
    roles = (
        str(message.get("role") or message.get("from") or "")
        for row in first_rows(recipe)
        for message in row.messages
    )
    strange = next((role for role in roles if role and role not in _ROLES), None)
    if strange is None:
        return iter(())
    message = f"has a turn of role {strange[:40]!r}, and swift deletes such rows"
    return _first(
        recipe,
        lambda row: strange in [turn.get("role", turn.get("from")) for turn in row.messages],
        message,
        _TRAINED,
    )


def joined_turns(recipe: Recipe) -> Iterator[Fault]:
    """Two user turns in a row: swift joins them without a separator."""
    message = "has two user turns in a row, which swift joins without a separator"
    return _first(
        recipe, _two_users, message, "join them yourself, or leave the row out", warn=True
    )


def same_file_twice(recipe: Recipe) -> Iterator[Fault]:
    """The same file for training and validation: the loss says nothing."""
    files = [(flag, path.resolve()) for flag, path in data_files(recipe)]
    trained = {path for flag, path in files if flag == "dataset"}
    for flag, path in files:
        if flag == "val_dataset" and path in trained and recipe.trains:
            yield recipe.warn(
                flag, f"{path} is trained on too", "split it: --split_dataset_ratio 0.01"
            )


def _first(
    recipe: Recipe, wrong: Callable[[Row], bool], message: str, fix: str, warn: bool = False
) -> Iterator[Fault]:
    """A fault for the first row of each flag that is wrong."""
    seen: set[str] = set()
    for row in first_rows(recipe):
        if row.flag not in seen and wrong(row):
            seen.add(row.flag)
            make = recipe.warn if warn else recipe.fail
            yield make(row.flag, f"{row.place}: {message}", fix)


def _lacks_answer(row: Row) -> bool:
    content = row.content
    if content is None:
        return False
    if row.messages:
        last = row.messages[-1]
        return row.last_role not in _ANSWERS and "assistant" not in last
    return bool(set(_QUESTIONS) & set(content)) and not any(
        content.get(name) for name in _RESPONSES
    )


def _kind(value: object) -> str:
    """What the reader makes a column of; whole and broken numbers go together, nothing goes with
    all."""
    if value is None or value == []:
        return ""
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "")


def _has_parts(row: Row) -> bool:
    return any(isinstance(message.get("content"), list) for message in row.messages)


def _has_text(row: Row) -> bool:
    return any(isinstance(message.get("content"), str) for message in row.messages)


def _two_users(row: Row) -> bool:
    roles = [message.get("role") for message in row.messages]
    return any(pair == ("user", "user") for pair in itertools.pairwise(roles))
