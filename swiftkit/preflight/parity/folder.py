"""What a model's folder says about its chat template in several places, and where they disagree."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from swiftkit.errors import DataError
from swiftkit.preflight.parity.rows import TrainedTemplate
from swiftkit.recipe.model_files import is_adapter, read_object
from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.drift import Drift
from swiftkit.rendering.model_folder import stop_tokens, template_sha256

_RECORDS = ("run.json", "../run.json", "../../run.json", "args.json", "swiftkit.json")
_RECORDED = "chat_template_sha256"
_QUESTION = {"role": "user", "content": "Which stone?"}
_ANSWER = {"role": "assistant", "content": "quartzite"}
_TOKEN = re.compile(r"\s*(<[^<>\s]{1,40}>|\[[^\[\]\s]{1,20}\]?)")


def base_folder(folder: Path) -> Path:
    """Return the folder with the chat template: that of the base model for an adapter."""
    if not is_adapter(folder):
        return folder
    base = read_object(folder / "adapter_config.json").get("base_model_name_or_path")
    base = base or read_object(folder / "args.json").get("model")
    return Path(str(base)) if base and Path(str(base)).is_dir() else folder


def recorded_switch(folder: Path) -> bool | None:
    """Return the thinking switch with which a model was trained by its own chat template."""
    trained = read_object(folder / "args.json")
    switch = trained.get("enable_thinking")
    return switch if isinstance(switch, bool) and trained.get(_RECORDED) else None


def folder_drifts(folder: Path, model: TrainedTemplate) -> Iterator[tuple[Drift, str]]:
    """Yield what is wrong with a model's or an adapter's folder, and the file that shows it."""
    present = template_sha256(base_folder(folder))
    for name in _RECORDS:
        file = folder / name
        recorded = next(_hashes(read_object(file), 0), present)
        if recorded != present:
            sides = f"recorded at training: {recorded[:12]}", f"present: {present[:12]}"
            yield Drift.told("changed_template", *sides), str(file)
    for each in dict.fromkeys((folder, base_folder(folder))):
        yield from _other_templates(each, model.template)
    yield from _wrong_end(base_folder(folder), model)


def other_templates(folder: Path, own: ChatTemplate) -> list[ChatTemplate]:
    """Return the templates in the folder that are not its own, but may be taken for it."""
    found = []
    for _, text in _texts(folder):
        if text.strip() != own.source().strip():
            found.append(replace(own, named={"default": text}))
    return found


def _other_templates(folder: Path, own: ChatTemplate) -> Iterator[tuple[Drift, str]]:
    for name, text in _texts(folder):
        # transformers leaves out a line break at the end of chat_template.jinja
        if text.strip() != own.source().strip():
            sides = (
                "the model's chat template",
                f"another one, sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}",
            )
            yield Drift.told("changed_template", *sides), str(folder / name)


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, template) of all files in which a program may look for the default one."""
    for name in ("tokenizer_config.json", "chat_template.json"):
        value = read_object(folder / name).get("chat_template")
        for each in value if isinstance(value, list) else [{"name": "default", "template": value}]:
            match each:
                case {"name": "default", "template": str(text)}:
                    yield name, text
    file = folder / "chat_template.jinja"
    if file.is_file():
        yield file.name, file.read_text(encoding="utf-8", errors="replace")


def _wrong_end(folder: Path, model: TrainedTemplate) -> Iterator[tuple[Drift, str]]:
    """Yield a difference where a server does not stop at the token with which an answer ends."""
    try:
        text = model.template.render(model.form.apply([_QUESTION, _ANSWER]))
    except DataError:
        return
    found = _TOKEN.match(text.rpartition(_ANSWER["content"])[2])
    if not found:
        return  # GLM: the next message's header ends an answer
    end, eos = found[1], model.template.special_tokens.get("eos_token", "")
    stops = stop_tokens(folder)
    if end not in stops and (stops or end != eos):
        stopping = ", ".join(dict.fromkeys(stops)) or eos or "none"
        file = folder / "generation_config.json"
        yield (
            Drift.told("end_token", f"a turn ends with {end}", f"stops at {stopping}"),
            str(file),
        )


def _hashes(value: Any, depth: int) -> Iterator[str]:
    """Yield the hashes that a record holds, the latest of its attempts first."""
    if depth > 6:
        return
    if isinstance(value, dict):
        recorded = value.get(_RECORDED)
        if isinstance(recorded, str) and recorded:  # "": the model had none
            yield recorded
        for each in value.values():
            yield from _hashes(each, depth + 1)
    elif isinstance(value, list):
        for each in reversed(value):
            yield from _hashes(each, depth + 1)
