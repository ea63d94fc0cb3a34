"""Rows that do not suit the stage. swift silently deletes most of them, or trains on
something else."""

import itertools
from collections.abc import Callable
from pathlib import Path

from swiftkit.errors import UsageError
from swiftkit.preflight import data_rows
from swiftkit.preflight.data_rows import DataRow, first_rows, role_of
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Findings, Recipe, RecipeFinding
from swiftkit.recipe.templates import agent_template_of
from swiftkit.rendering.written_format import wire_format_named
from swiftkit.scoring.rewards import WIRE_FORMAT, run_format_of

_JSON_ENDINGS = (".jsonl", ".json")
_ANSWER_ROLES = ("assistant", "gpt", "bot", "tool_call", "function_call")
_ROLES = (
    "system user human assistant gpt bot tool tool_call tool_response function_call"
    " function_response observation observations tool-call tool-response"
).split()
_MESSAGES = {"messages", "conversation", "conversations"}
_QUESTIONS = {"query", "prompt", "input", "instruction", "question", "problem"}
_RESPONSES = {
    "response", "answer", "output", "targets", "target", "answer_key", "answers", "solution",
    "text", "completion", "content",
}  # fmt: skip
_PAIRS = ("dpo", "rm", "orpo", "cpo", "simpo")
_REJECTED = {"rejected_response", "rejected_messages", "rejected_tools"}
_REASONING = ("reasoning_content", "thinking")
_DROPPED = ("weight", "train", "function_call")
_KEEP_REASONING = ("native_template.py", "harmony_template.py")  # plugins
_CONVERT = "convert the file again: `swiftkit convert`"
# What the reader makes of a value; whole and broken numbers go together.
_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}
_KINDS |= {list: "a list", dict: "an object"}


def broken_row(recipe: Recipe) -> Findings:
    """A row cannot be read (it is no JSON object, or cut off), so the whole file fails to load."""
    fix = "mend it, get the whole file, or convert it again"
    broken = set()
    for row in first_rows(recipe):
        file = row.place.rpartition(":")[0]
        if row.content is None and file not in broken:
            broken.add(file)
            yield recipe.fail(row.flag, f"{row.place}: {row.fault}", fix)
    for flag, path in data_files(recipe):
        if path.suffix in _JSON_ENDINGS and str(path.absolute()) not in broken:
            fault = data_rows.cut_end(path)
            if fault:
                yield recipe.fail(flag, f"{path.absolute()}: the last row {fault}", fix)


def no_conversation(recipe: Recipe) -> Findings:
    """A row has neither messages nor the columns that swift makes them of."""
    columns = _MESSAGES | _QUESTIONS | _RESPONSES

    def is_wrong(row: DataRow) -> bool:
        return row.content is not None and not columns & row.columns

    if not recipe.is_set("columns", "cached_dataset") and _is_language_model(recipe):
        yield from _first(recipe, is_wrong, "has no messages", _CONVERT)


def no_answer(recipe: Recipe) -> Findings:
    """A training row does not end in an answer, so swift deletes it."""

    def is_wrong(row: DataRow) -> bool:
        if row.messages:
            return row.last_role not in _ANSWER_ROLES and "assistant" not in row.messages[-1]
        content = row.content or {}
        has_answer = any(content.get(name) for name in _RESPONSES)
        return bool(_QUESTIONS & row.columns) and not has_answer

    is_stage = recipe.stage in ("sft", *_PAIRS, "kto") and _is_language_model(recipe)
    if is_stage and not recipe.is_set("columns"):
        message = "does not end in an answer, and there is nothing to learn from it"
        fix = "leave such rows out: `swiftkit convert --to sft`"
        yield from _first(recipe, is_wrong, message, fix)


def no_rejected(recipe: Recipe) -> Findings:
    """A row of preferences has no rejected answer."""

    if recipe.stage in _PAIRS and not recipe.is_set("columns"):
        message = "has no rejected_response, which this stage compares with"
        fix = "write them: `swiftkit convert --to preference`"
        yield from _first(recipe, lambda row: row.lacks(_REJECTED), message, fix)


def no_label(recipe: Recipe) -> Findings:
    """A row of KTO, or of a classification, has no label."""

    if recipe.is_set("columns"):
        return
    if recipe.stage == "kto":
        message, fix = "has no label, true or false", "write them: `swiftkit convert --to kto`"
        yield from _first(recipe, lambda row: row.lacks({"label"}), message, fix)
    elif recipe.stage == "sft" and recipe.get_str("task_type") == "seq_cls":
        message, fix = "has no label", 'add "label": 0 to each row, the number of its class'
        yield from _first(recipe, lambda row: row.lacks({"label"}), message, fix)


def kto_ending(recipe: Recipe) -> Findings:
    """A row of KTO or GKD ends in a tool_call turn, which has to be an answer's text."""
    samples_answers = recipe.stage == "gkd" and (recipe.get_float("lmbda") or 0) > 0
    if recipe.stage == "kto" or samples_answers:
        message = "ends in a tool_call turn, which this stage refuses"
        yield from _first(recipe, _ends_in_call, message, f"{_CONVERT} --to kto")


def answer_in_prompt(recipe: Recipe) -> Findings:
    """A row of GRPO ends in its tool call, so the answer stands in the prompt."""
    if recipe.stage == "grpo":
        message = "ends in its tool call, and the model would read the answer"
        yield from _first(recipe, _ends_in_call, message, f"{_CONVERT} --to grpo")


def answer_left_out(recipe: Recipe) -> Findings:
    """A row of GRPO ends in an assistant turn, which swift takes away."""

    if recipe.stage == "grpo":
        message = "ends in an assistant turn, which swift takes away before the model answers"
        roles, fix = ("assistant", "gpt"), f"{_CONVERT} --to grpo"
        yield from _first(recipe, lambda row: row.last_role in roles, message, fix, recipe.warn)


def answer_leaks(recipe: Recipe) -> Findings:
    """A row of inference ends in a tool call, which swift leaves in the prompt."""
    if recipe.verb == "infer":
        message = "ends in its tool call, which stays in the prompt"
        yield from _first(recipe, _ends_in_call, message, "cut the rows before it")


def unrewarded_row(recipe: Recipe) -> Findings:
    """The tool-call rewards cannot judge a row: it has no gold, or wants another wire format.

    Or nobody knows in which format the model writes calls.
    """
    chains = recipe.is_set("multi_turn_scheduler")
    rewards = recipe.settings.get("reward_funcs", ())
    if recipe.stage != "grpo" or not set(data_rows.REWARDS) & set(rewards):
        return
    try:
        named = wire_format_named(recipe.environment.get(WIRE_FORMAT, ""), WIRE_FORMAT)
        run_format = run_format_of(agent_template_of(recipe), named)
    except UsageError as error:
        reason, _, fix = str(error).partition("; ")
        flag = "agent_template" if recipe.is_set("agent_template") else "reward_funcs"
        yield recipe.fail(flag, reason, fix or "docs/wire-formats.md names the formats")
        return
    for flag, path in data_files(recipe):
        if path.suffix in _JSON_ENDINGS:
            problem, fix = data_rows.first_unrewarded_row(path, chains, run_format)
            if problem:
                yield recipe.fail(flag, problem, fix)


def nested_value(recipe: Recipe) -> Findings:
    """Tools are not a JSON string: the reader merges different ones and pads them with nulls."""

    def is_wrong(row: DataRow) -> bool:
        return row.content is not None and isinstance(row.content.get("tools"), list)

    message = "has tools that are not a JSON string: rows with other tools fill them up with nulls"
    return _first(recipe, is_wrong, message, _CONVERT, recipe.warn)


def mixed_content(recipe: Recipe) -> Findings:
    """Contents are text in one row and parts in another: `datasets` makes all of them JSON text."""

    def has_content(row: DataRow, kind: type) -> bool:
        return any(isinstance(message.get("content"), kind) for message in row.messages)

    if any(has_content(row, str) for row in first_rows(recipe)):
        message = "has a content of parts, and others have text: all of them become JSON text"
        yield from _first(recipe, lambda row: has_content(row, list), message, _CONVERT)


def changing_column(recipe: Recipe) -> Findings:
    """A column changes its type between rows, so the file does not load."""
    kinds: dict[tuple[str, str], str] = {}  # (file, column) -> the kind of its first value
    for row in first_rows(recipe):
        file = row.place.rpartition(":")[0]
        for name, value in (row.content or {}).items():
            if value is None or value == []:
                continue  # goes with every kind
            kind = _KINDS[type(value)]
            first = kinds.setdefault((file, name), kind)
            if kind != first:
                message = f"{row.place}: {name} is {kind}, and {first} before"
                yield recipe.fail(row.flag, message, _CONVERT)
                return


def late_column(recipe: Recipe) -> Findings:
    """A column first appears after 10 MB, and `datasets` stops at it."""
    for flag, place, name in data_rows.late_columns(recipe):
        message = f"{place}: {name} first appears after 10 MB, and the reader stops at it"
        yield recipe.fail(flag, message, "put the row first, or convert the file again")


def dropped_key(recipe: Recipe) -> Findings:
    """swift silently drops a key of a message, such as its reasoning."""
    if not recipe.trains:
        return
    fixes = dict.fromkeys(_DROPPED, _CONVERT)
    plugins = [Path(plugin).name for plugin in recipe.get_list("external_plugins")]
    if not any(plugin in _KEEP_REASONING for plugin in plugins):
        keep = "add --external_plugins swiftkit/swift_plugins/native_template.py, which keeps it"
        fixes |= dict.fromkeys(_REASONING, keep)
    for name, fix in fixes.items():
        for row in first_rows(recipe):
            if any(message.get(name) for message in row.messages):
                message = f"{row.place}: swift silently drops a message's {name}"
                yield recipe.warn(row.flag, message, fix)
                break


def unknown_role(recipe: Recipe) -> Findings:
    """A turn has a role that swift does not know, so the row is deleted."""
    flags = set()
    for row in first_rows(recipe):
        strange = [role for role in map(role_of, row.messages) if role and role not in _ROLES]
        if strange and row.flag not in flags:
            flags.add(row.flag)
            message = f"{row.place}: has a turn of role {strange[0][:40]!r}"
            yield recipe.fail(row.flag, f"{message}, and swift deletes such rows", _CONVERT)


def joined_turns(recipe: Recipe) -> Findings:
    """swift joins two user turns in a row without a separator."""

    def is_wrong(row: DataRow) -> bool:
        roles = [message.get("role") for message in row.messages]
        return ("user", "user") in itertools.pairwise(roles)

    message = "has two user turns in a row, which swift joins without a separator"
    fix = "join them yourself, or leave the row out"
    return _first(recipe, is_wrong, message, fix, recipe.warn)


def same_file_twice(recipe: Recipe) -> Findings:
    """The same file is for training and validation, so the loss says nothing."""
    files = [(flag, path.resolve()) for flag, path in data_files(recipe)]
    for flag, path in files:
        if recipe.trains and flag == "val_dataset" and ("dataset", path) in files:
            message = f"{path} is trained on too"
            yield recipe.warn(flag, message, "split it: --split_dataset_ratio 0.01")


def _is_language_model(recipe: Recipe) -> bool:
    """Return True for tasks whose rows are conversations: no classes, vectors or decisions."""
    task = recipe.get_str("task_type") or ("seq_cls" if recipe.is_set("num_labels") else "")
    return task in ("", "causal_lm")


def _ends_in_call(row: DataRow) -> bool:
    return row.last_role in ("tool_call", "function_call")


def _first(
    recipe: Recipe,
    is_wrong: Callable[[DataRow], bool],
    message: str,
    fix: str,
    report: Callable[..., RecipeFinding] | None = None,
) -> Findings:
    """Yield a finding for the first wrong row of each flag; `report` is recipe.fail or .warn."""
    report = report or recipe.fail
    flags = set()
    for row in first_rows(recipe):
        if row.flag not in flags and is_wrong(row):
            flags.add(row.flag)
            yield report(row.flag, f"{row.place}: {message}", fix)
