"""Write swiftkit/recipe/swift_arguments.json: the arguments and names that ms-swift knows.

Run it in an environment with the ms-swift of constraints.txt, after a change of that version:

    .venv/bin/python scripts/swift_arguments.py

Everything comes from swift's own parser of each verb and from its registries;
tests/recipe/test_arguments_e2e.py holds the shipped file equal to what this writes. One line an
argument, so that a new version can be read as a diff.
"""

import argparse
import enum
import json
from pathlib import Path
from typing import Any

from swift import __version__, arguments
from swift.agent_template import agent_template_map
from swift.arguments.base_args.base_args import get_supported_tuners
from swift.callbacks import callbacks_map
from swift.dataset import DATASET_MAPPING
from swift.loss import loss_map
from swift.loss_scale import ALL_BASE_STRATEGY, loss_scale_map
from swift.metrics import eval_metrics_map
from swift.model import MODEL_MAPPING
from swift.optimizers import optimizers_map
from swift.rewards import orms, rm_plugins
from swift.rollout.gym_env import envs
from swift.rollout.multi_turn import multi_turns
from swift.template import TEMPLATE_MAPPING
from swift.utils.utils import _patch_get_type_hints
from transformers import HfArgumentParser, SchedulerType
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.trainer_utils import IntervalStrategy

TABLE = Path(__file__).parents[1] / "swiftkit" / "recipe" / "swift_arguments.json"
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
    "string_to_bool": "bool", "str": "str", "int": "int", "float": "float", "Path": "str",
    "dict": "dict",
}  # fmt: skip


def table() -> dict[str, Any]:
    """Return `arguments`, `names` (what a registry holds), `model_types` and names on the hubs.

    An argument: name, verbs, kind, nargs, choices, default; verbs that agree on it share one.
    """
    rows: dict[str, dict[str, Any]] = {}
    for verb, arguments_class in VERBS.items():
        with _patch_get_type_hints():
            parser = HfArgumentParser([arguments_class])
        for action in parser._actions:
            if not isinstance(action, argparse._HelpAction):
                row = argument_row(action)
                key = json.dumps(row, sort_keys=True)
                rows.setdefault(key, row | {"verbs": []})["verbs"].append(verb)
    model_types = {}
    model_names: dict[str, list[str]] = {}
    for name, meta in MODEL_MAPPING.items():  # the first that lists a name takes it
        architectures = list(meta.architectures)
        model_types[name] = {
            "templates": meta.candidate_templates,
            "default_template": meta.template,
            "architectures": architectures,
        }
        for group in meta.model_groups:
            for model in group.models:
                ids = (model.ms_model_id, model.hf_model_id, model.model_path)
                for model_id in filter(None, ids):
                    short = model_id.rsplit("/", 1)[-1].lower()
                    model_names.setdefault(short, [name, group.template or meta.template or ""])
    data_ids: set[str | None] = set()
    for meta in DATASET_MAPPING.values():
        data_ids |= {meta.dataset_name, meta.ms_dataset_id, meta.hf_dataset_id}
    return {
        "ms_swift": __version__,
        "arguments": sorted(rows.values(), key=lambda row: (row["name"], row["verbs"])),
        "names": {
            "template": sorted(TEMPLATE_MAPPING),
            "agent_template": sorted(agent_template_map),
            "reward_funcs": sorted(orms),
            "multi_turn_scheduler": sorted(multi_turns),
            "tuner_type": sorted(get_supported_tuners()),
            "loss_scale": sorted({*ALL_BASE_STRATEGY, *loss_scale_map}),
            "attn_impl": sorted({"eager", "flash_attn", *ALL_ATTENTION_FUNCTIONS.valid_keys()}),
            "callbacks": sorted(callbacks_map),
            "eval_metric": sorted(eval_metrics_map),
            "eval_strategy": sorted(IntervalStrategy),
            "experts_impl": sorted({"eager", *ALL_EXPERTS_FUNCTIONS.valid_keys()}),
            "gym_env": sorted(envs),
            "loss_type": sorted(loss_map),
            "lr_scheduler_type": sorted(SchedulerType),
            "optimizer": sorted(optimizers_map),
            "report_to": sorted({"all", "none", *INTEGRATION_TO_CALLBACK}),
            "reward_model_plugin": sorted(rm_plugins),
        },
        "model_types": dict(sorted(model_types.items())),
        "model_names": dict(sorted(model_names.items())),
        "dataset_names": sorted(filter(None, data_ids)),
        "agent_templates": {
            name: meta.agent_template or "" for name, meta in sorted(TEMPLATE_MAPPING.items())
        },
    }


def argument_row(action: argparse.Action) -> dict[str, Any]:
    name = action.option_strings[0].removeprefix("--")
    if action.nargs == 0:  # --no_NAME, the complement of a bool that is true
        return {"name": name, "kind": "flag", "nargs": "0"}
    kind = TYPES.get(getattr(action.type, "__name__", ""), "any")
    row = {"name": name, "kind": kind, "nargs": action.nargs or "1"}
    row["default"] = plain(action.default)
    if action.choices is not None:
        row |= {"kind": "choice", "choices": [str(plain(choice)) for choice in action.choices]}
    return row


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it."""
    value = value.value if isinstance(value, enum.Enum) else value
    return value if isinstance(value, bool | int | float | str | list | dict | None) else str(value)


def written(content: dict[str, Any]) -> str:
    """Return the file's text: a line for each item of a list and each key of a mapping."""
    parts = []
    for key, value in content.items():
        text = json.dumps(value)
        if isinstance(value, list):
            lines = [json.dumps(item, sort_keys=True) for item in value]
            text = "[\n" + ",\n".join(lines) + "\n]"
        elif isinstance(value, dict):
            lines = []
            for name, item in value.items():
                lines.append(f"{json.dumps(name)}: {json.dumps(item, sort_keys=True)}")
            text = "{\n" + ",\n".join(lines) + "\n}"
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    argparse.ArgumentParser(  # it takes none, but says what it is
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    TABLE.write_text(written(table()), encoding="utf-8")
