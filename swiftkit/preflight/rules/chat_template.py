"""The first rows beside the model's own chat template, by which it is trained with
`template_backend: jinja`."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from swiftkit.data.old_form import is_old_form
from swiftkit.errors import DataError
from swiftkit.json_text import decode_or_none
from swiftkit.preflight.data_rows import first_rows
from swiftkit.recipe.model_files import is_gpt_oss
from swiftkit.recipe.paths import data_files, looks_local
from swiftkit.recipe.recipe import Findings, Recipe
from swiftkit.recipe.templates import template_of
from swiftkit.records import Row

_ROWS = 20  # that are rendered
_SECONDS = 60.0  # for ms-swift to import and to encode them
_BACKEND = "template_backend"
_SWIFT_BACKEND = "train with --template_backend swift"
_CONVERT = "convert the rows again with `swiftkit convert --template-of MODEL`"
_WITHOUT_LOSS = {  # statuses of turns, and what is to be done
    "own_row": _CONVERT,
    "not_prefix": "leave such rows out, or take another chat template",
    "needs": "train and serve with that --enable_thinking",
    "no_end": "name the token in the model's generation_config.json (eos_token_id)",
}


def no_chat_template(recipe: Recipe) -> Findings:
    """A model that is to be trained by its own chat template has none, or a broken one."""
    folder = _folder(recipe)
    if folder and _is_native(recipe):
        try:
            _template_of(folder).template.variables()
        except DataError as error:
            yield recipe.fail("model", error.reason, _SWIFT_BACKEND)


def jinja_without_plugin(recipe: Recipe) -> Findings:
    """ms-swift's own jinja backend trains prompts too: swiftkit's plugin knows the loss."""
    plugins = [Path(file).name for file in recipe.get_list("external_plugins")]
    if _is_native(recipe) and "native_template.py" not in plugins:
        message = "without native_template.py ms-swift trains the prompts, too"
        fix = "add --external_plugins swiftkit/swift_plugins/native_template.py"
        yield recipe.fail(_BACKEND, message, fix)


def dropped_turn(recipe: Recipe) -> Findings:
    """The model's chat template refuses a row, or drops a part of an answer."""
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for place, status, why in _turns(recipe):
        if status in ("lost", "refused"):
            counts[status] = counts.get(status, 0) + 1
            first.setdefault(status, f"{place}: {why}")
    for status, count in counts.items():
        message = f"{first[status]} ({status}, {count} such turns in the first {_ROWS} rows)"
        yield recipe.fail("dataset", message, f"leave such rows out, or {_SWIFT_BACKEND}")


def turn_without_loss(recipe: Recipe) -> Findings:
    """A turn cannot be trained where it stands; a row that has no other stops the run."""
    counts: dict[str, int] = {}
    first = first_status = ""
    trained: dict[str, bool] = {}  # by row
    for place, status, why in _turns(recipe):
        trained[place] = trained.get(place, False) or status == "ok"
        if status in _WITHOUT_LOSS:
            counts[status] = counts.get(status, 0) + 1
            if not first:
                first, first_status = f"{place}: {why}", status
    if not counts:
        return
    named = ", ".join(f"{status} {count}" for status, count in counts.items())
    untrained = [place for place, is_trained in trained.items() if not is_trained]
    message = f"{first} ({named} in the first {_ROWS} rows"
    message += f"; nothing of {len(untrained)} rows can be trained)" if untrained else ")"
    is_strict = untrained and recipe.get_bool("strict")
    say = recipe.fail if is_strict else recipe.warn
    yield say("dataset", message, _WITHOUT_LOSS[first_status])


def swift_template(recipe: Recipe) -> Findings:
    """ms-swift's own template renders the rows, not the model's: servers see another prompt."""
    folder = _folder(recipe)
    if not folder or _is_native(recipe) or is_gpt_oss(recipe) or not _has_messages(recipe):
        return
    try:
        _template_of(folder)
    except DataError:
        return
    fix = "train with --template_backend jinja and swift_plugins/native_template.py"
    if not recipe.is_set(_BACKEND):
        name = template_of(recipe) or "of ms-swift's own"
        message = f"the template {name} renders the rows, and servers take the model's own"
        yield recipe.warn("model", message, f"{fix}; `swiftkit parity` compares the two")
        return
    for flag, path in islice(data_files(recipe), 1):
        message, has_name = _differences(recipe, folder, path)
        if message:
            yield (recipe.warn if has_name else recipe.fail)(flag, message, fix)


def old_row(recipe: Recipe) -> Findings:
    """A row is of the form that an older `swiftkit convert` wrote for one family of templates."""
    if not _is_native(recipe):
        return
    for row in islice(first_rows(recipe), _ROWS):
        if is_old_form(row.messages):
            message = f"{row.place}: reasoning or a line break before calls stands in its text"
            yield recipe.warn(row.flag, message, "convert the raw data again: `swiftkit convert`")
            return


def unchecked_template(recipe: Recipe) -> Findings:
    """The model is not on this machine, so its chat template is not compared with the rows."""
    model = recipe.get_str("model")
    is_of_hub = bool(model) and not Path(model).expanduser().exists() and not looks_local(model)
    if is_of_hub and _is_native(recipe) and _has_messages(recipe):
        message = f"{model} is not here, so the rows were not rendered by its chat template"
        yield recipe.tell("model", message, "give the folder of a downloaded model")


def _is_native(recipe: Recipe) -> bool:
    is_native = recipe.get_str(_BACKEND) == "jinja" and recipe.is_set(_BACKEND)
    return is_native and recipe.trains and not is_gpt_oss(recipe)


def _folder(recipe: Recipe) -> Path | None:
    folder = Path(recipe.get_str("model")).expanduser()
    is_here = recipe.trains and recipe.is_set("model") and (folder / "config.json").is_file()
    return folder if is_here else None


def _template_of(folder: Path, thinking: bool | None = None) -> Any:
    # Jinja is imported for a model's folder alone: most preflights have none
    from swiftkit.preflight.parity.rows import TrainedTemplate
    from swiftkit.rendering.model_folder import read_chat_template

    return TrainedTemplate.of(read_chat_template(folder), thinking)


def _has_messages(recipe: Recipe) -> bool:
    return any(row.messages for row in islice(first_rows(recipe), _ROWS))


def _turns(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """Yield (file:line, status, why) of the turns of the first rows.

    Rows of GRPO are prompts: only a refusal counts.
    """
    folder = _folder(recipe)
    if not folder or not _is_native(recipe):
        return
    from swiftkit.preflight.parity.rows import render_row, status_of

    thinking = recipe.get_bool("enable_thinking") if recipe.is_set("enable_thinking") else None
    try:
        model = _template_of(folder, thinking)
    except DataError:
        return  # no_chat_template says it
    for row in islice(first_rows(recipe), _ROWS):
        if not row.messages or row.content is None:
            continue
        try:
            rendered = render_row(model, cast(Row, row.content), row.place)
        except DataError:
            continue  # other rules speak of rows that are no conversation
        if rendered.rendered is None:
            yield row.place, "refused", rendered.refusal
        elif recipe.stage != "grpo":
            for turn in rendered.wanted_turns():
                yield row.place, *status_of(turn)


def _differences(recipe: Recipe, folder: Path, data: Path) -> tuple[str, bool]:
    """Return how many rows swift's template writes otherwise, and why; "" for none.

    The second is False where a difference has no name. ms-swift takes seconds to import, so it does
    that in a process of its own, for so long.
    """
    command = [sys.executable, "-m", "swiftkit", "parity", str(folder), str(data), "--json"]
    command += ["--limit", str(_ROWS), "--template", template_of(recipe) or "auto"]
    if recipe.is_set("model_type"):
        command += ["--model-type", recipe.get_str("model_type")]
    not_done = "the first rows were not compared with the model's own template"
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 (our own command)
    except (OSError, subprocess.TimeoutExpired):
        return f"{not_done} within {_SECONDS:.0f} s", True
    report = decode_or_none(done.stdout) if done.returncode in (0, 1) else None
    if not isinstance(report, dict):
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        return f"{not_done}: {reason}", True
    side = report["sides"][0]
    differing = side["compared"] - side["equal"]
    counts = {cause["cause"]: cause["rows"] for cause in side["causes"]}
    causes = ", ".join(f"{cause} {rows}" for cause, rows in counts.items())
    rows = f"{differing} of the first {side['compared']} rows"
    message = f"{rows} differ from the model's own template: {causes}" if differing else ""
    return message, "other" not in counts
