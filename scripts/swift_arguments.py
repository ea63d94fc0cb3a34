"""Write swiftkit/recipe/swift_arguments.json: the arguments, defaults and names that the installed
ms-swift knows.

Run it in an environment with the ms-swift of constraints.txt, after a change of that version:

    .venv/bin/python scripts/swift_arguments.py

Everything comes from swift's own parser of each verb and from its registries;
tests/recipe/test_arguments_e2e.py holds the shipped file equal to what this writes. One line an
argument, so that a new version can be read as a diff.
"""

import argparse
import enum
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swift import __version__, arguments
from swift.agent_template import agent_template_map
from swift.arguments.base_args.base_args import get_supported_tuners
from swift.loss_scale import ALL_BASE_STRATEGY, loss_scale_map
from swift.model import MODEL_MAPPING
from swift.rewards import orms
from swift.rollout.multi_turn import multi_turns
from swift.template import TEMPLATE_MAPPING
from swift.utils.utils import _patch_get_type_hints
from transformers import HfArgumentParser

TABLE = Path(__file__).parents[1] / "swiftkit" / "preflight" / "swift_arguments.json"
VERBS = {
    "sft": arguments.SftArguments,
    "pt": arguments.PretrainArguments,
    "rlhf": arguments.RLHFArguments,
    "infer": arguments.InferArguments,
    "deploy": arguments.DeployArguments,
    "rollout": arguments.RolloutArguments,
    "export": arguments.ExportArguments,
    "eval": arguments.EvalArguments,
    "sample": arguments.SamplingArguments,
    "app": arguments.AppArguments,
}
TYPES = {
    "string_to_bool": "bool",
    "str": "str",
    "int": "int",
    "float": "float",
    "Path": "str",
    "dict": "dict",
}


def table() -> dict[str, Any]:
    """`arguments`: name, verbs, kind, nargs, choices, default; `names`: what a registry holds;
    `model_types`."""
    rows: dict[str, dict[str, Any]] = {}
    for verb, arguments_class in VERBS.items():
        for row in _rows(arguments_class):
            rows.setdefault(json.dumps(row, sort_keys=True), row | {"verbs": []})["verbs"].append(
                verb
            )
    names = {
        "template": sorted(TEMPLATE_MAPPING),
        "agent_template": sorted(agent_template_map),
        "reward_funcs": sorted(orms),
        "multi_turn_scheduler": sorted(multi_turns),
        "tuner_type": sorted(get_supported_tuners()),
        "loss_scale": sorted({*ALL_BASE_STRATEGY, *loss_scale_map}),
    }
    model_types = {
        name: {"templates": meta.candidate_templates, "architectures": list(meta.architectures)}
        for name, meta in sorted(MODEL_MAPPING.items())
    }
    listed = (
        model
        for meta in MODEL_MAPPING.values()
        for group in meta.model_groups
        for model in group.models
    )
    model_ids = {
        name
        for model in listed
        for name in (model.ms_model_id, model.hf_model_id, model.model_path)
        if name
    }
    ordered = sorted(rows.values(), key=lambda row: (row["name"], row["verbs"]))
    return {
        "ms_swift": __version__,
        "arguments": ordered,
        "names": names,
        "model_types": model_types,
        "model_names": sorted({name.rsplit("/", 1)[-1].lower() for name in model_ids}),
    }


def _rows(arguments_class: type) -> Iterator[dict[str, Any]]:
    with _patch_get_type_hints():
        parser = HfArgumentParser([arguments_class])
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            yield _row(action)


def _row(action: argparse.Action) -> dict[str, Any]:
    name = action.option_strings[0].removeprefix("--")
    if action.nargs == 0:  # --no_NAME, the complement of a bool that is true
        return {"name": name, "kind": "flag", "nargs": "0"}
    kind = (
        "choice"
        if action.choices is not None
        else TYPES.get(getattr(action.type, "__name__", ""), "any")
    )
    row = {
        "name": name,
        "kind": kind,
        "nargs": action.nargs or "1",
        "default": _plain(action.default),
    }
    return row | (
        {"choices": [str(_plain(choice)) for choice in action.choices]} if kind == "choice" else {}
    )


def _plain(value: Any) -> Any:
    value = value.value if isinstance(value, enum.Enum) else value
    return value if isinstance(value, bool | int | float | str | list | dict | None) else str(value)


def written(content: dict[str, Any]) -> str:
    """The file's text: one line an argument and one a model type."""
    parts = []
    for key, value in content.items():
        lines = (
            [json.dumps(item, sort_keys=True) for item in value]
            if isinstance(value, list)
            else None
        )
        if isinstance(value, dict):
            lines = [
                f"{json.dumps(name)}: {json.dumps(item, sort_keys=True)}"
                for name, item in value.items()
            ]
        brackets = "[]" if isinstance(value, list) else "{}"
        text = (
            f"{brackets[0]}\n" + ",\n".join(lines) + f"\n{brackets[1]}"
            if lines is not None
            else json.dumps(value)
        )
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    TABLE.write_text(written(table()), encoding="utf-8")
