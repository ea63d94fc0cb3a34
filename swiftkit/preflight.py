"""Check a recipe's YAML and flags before any import of torch: what is missing or misnamed, one line each, with the fix.

The YAML and the flags are read as ms-swift 4.6.0 reads them (swift/cli/main.py, parse_yaml_args): the file becomes
flags in front of those on the command line, later ones win, a list given again replaces the first. It is a first
slice: a clean preflight says that the files are there, not that every flag is known.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from swiftkit.findings import Finding, Level
from swiftkit.reward_data import unrewarded

WARN, FAIL = Level.WARN, Level.FAIL
Settings = dict[str, list[str]]  # flag without dashes -> its values

# Flags of ms-swift 3.x -> what to write now.
RENAMED = {
    "train_type": "tuner_type",
    "tensor_parallel_size": "vllm_tensor_parallel_size",
    "gpu_memory_utilization": "vllm_gpu_memory_utilization",
    "multi_turn_func": "multi_turn_scheduler",
    "overwrite_output_dir": "",
    "save_safetensors": "",
    "include_tokens_per_second": "",
    "swanlab_lark_webhook_url": "swanlab_webhook_url",
    "swanlab_lark_secret": "swanlab_secret",
}
HARMONY = Path("swiftkit/swift_plugins/harmony_template.py")
# Only trainers know these flags, so a recipe that has one of them trains.
_TRAINING = ("learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "rlhf_type", "tuner_type")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def preflight(recipe: Path, flags: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """All findings of a recipe with its flags; empty when it is good."""
    settings, own_environment, findings = read_recipe(recipe)
    given, stray = read_flags(flags)
    if findings := findings + stray:
        return findings
    settings |= given
    variables = {**own_environment, **environment}  # a recipe's ENV sets only what is unset
    hub = Hub.of(settings, variables)
    looks = (_renamed, _no_dataset, _port, _old_export, _no_harmony, unrewarded)
    findings = [finding for look_at in looks for finding in look_at(settings)]
    for flag, values in settings.items():
        look = CHECKS.get(flag, _any_path)
        looked_at = [value for value in values if look is not _dataset or not _is_registered(value, settings)]
        findings += [finding for value in looked_at for finding in look(flag, value, hub)]
    return findings


def read_recipe(recipe: Path) -> tuple[Settings, dict[str, str], list[Finding]]:
    """The settings, the ENV block, and what is wrong with the file itself."""
    try:
        content = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        return {}, {}, [Finding(FAIL, str(recipe), f"cannot be read: {reason}", "mend the file")]
    if not isinstance(content, dict):
        return {}, {}, [Finding(FAIL, str(recipe), "is no mapping of flags", "write one `flag: value` a line")]
    own = content.pop("ENV", None)
    environment = own if isinstance(own, dict) else {}
    settings = {str(flag): _values(value) for flag, value in content.items()}
    findings = [finding for flag, value in content.items() for finding in _unusable(str(flag), value)]
    return settings, {str(name): str(value) for name, value in environment.items()}, findings


def read_flags(flags: Sequence[str]) -> tuple[Settings, list[Finding]]:
    """`--flag value value2` and `--flag=value`; what comes later wins."""
    settings: Settings = {}
    stray: list[Finding] = []
    values: list[str] | None = None
    for token in flags:
        if token.startswith("--"):
            flag, equals, value = token[2:].partition("=")
            values = settings[flag.replace("-", "_")] = [value] if equals else []
        elif values is None:
            stray.append(Finding(FAIL, token, "stands before the first flag", "write `--flag value`"))
        else:
            values.append(token)
    return settings, stray


def _values(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _unusable(flag: str, value: Any) -> Iterator[Finding]:
    if value is None or (isinstance(value, list) and None in value):
        yield Finding(FAIL, flag, "is null, which swift reads as the text 'None'", "leave the key out")
    elif value == []:
        yield Finding(FAIL, flag, "is an empty list", "leave the key out")


def _renamed(settings: Settings) -> Iterator[Finding]:
    for flag in settings:
        if flag in RENAMED:
            new = RENAMED[flag]
            fix = f"write {new}" if new else "leave it out"
            yield Finding(FAIL, flag, "is a flag of ms-swift 3.x that 4.6 does not know", fix)


def _no_dataset(settings: Settings) -> Iterator[Finding]:
    trains = any(flag in settings for flag in _TRAINING)
    if trains and not settings.get("dataset") and not settings.get("cached_dataset"):
        yield Finding(FAIL, "dataset", "none is given", "add --dataset FILE.jsonl")


def _port(settings: Settings) -> Iterator[Finding]:
    """swift would move to the next port without a word, and every client would ask the wrong server."""
    value = (settings.get("port") or [""])[-1]
    if value and not value.isdigit():
        yield Finding(FAIL, "port", f"{value} is no number", "write --port 8000")
    elif value and not _can_bind(int(value)):
        reason = "is in use" if _answers(int(value)) else "was closed a moment ago, the system frees it within a minute"
        yield Finding(FAIL, "port", f"{value} {reason}", f"wait, stop what uses it, or write --port {_free_port()}")


def _can_bind(port: int) -> bool:
    """swift's own test (swift/utils/utils.py, find_free_port), but for the same port only."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except (OSError, OverflowError):
            return False
    return True


def _answers(port: int) -> bool:
    """Whether somebody listens; a port that was just closed cannot be bound for a minute (TIME_WAIT)."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return 0 < port < 65536 and probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _old_export(settings: Settings) -> Iterator[Finding]:
    """`swift export` into a folder that exists stops after ten seconds, or with exist_ok keeps the OLD weights."""
    folder = Path((settings.get("output_dir") or [""])[-1])
    if "merge_lora" in settings and folder.name and folder.exists() and not any(map(settings.get, _TRAINING)):
        fix = "remove it, or choose another --output_dir"
        yield Finding(FAIL, "output_dir", f"{folder.absolute()} exists already", fix)


def _no_harmony(settings: Settings) -> Iterator[Finding]:
    """ms-swift's own gpt_oss template drops rows with tools, and a server with it fails on requests with tools."""
    config = Path((settings.get("model") or ["none"])[-1]) / "config.json"
    told = (
        '"model_type": "gpt_oss"' in config.read_text(encoding="utf-8", errors="replace") if config.is_file() else False
    )
    plugged = any(Path(file).name == HARMONY.name for file in settings.get("external_plugins", []))
    if (told or settings.get("model_type") == ["gpt_oss"]) and not plugged and "merge_lora" not in settings:
        fix = f"add --external_plugins {HARMONY}"
        yield Finding(
            WARN, "external_plugins", "without the Harmony plugin ms-swift drops gpt-oss rows with tools", fix
        )


class Hub(NamedTuple):
    """Which hub names are looked up in, and whether this machine may ask it."""

    hugging_face: bool
    offline: bool
    cache: Path

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str]) -> "Hub":
        use_hf = (settings.get("use_hf") or [environment.get("USE_HF", "")])[-1]
        home = Path(environment.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        cache = Path(environment.get("HF_HUB_CACHE") or home / "hub")
        return cls(_true(use_hf), any(_true(environment.get(name, "")) for name in _OFFLINE), cache)

    def unreachable(self, kind: str, name: str) -> bool:
        return self.offline and not (self.cache / f"{kind}s--{name.replace('/', '--')}").exists()


def _model(flag: str, value: str, hub: Hub) -> Iterator[Finding]:
    path = Path(value).expanduser()
    if path.is_dir():
        yield from _incomplete(flag, path)
    elif path.exists():
        yield Finding(FAIL, flag, f"{path.absolute()} is a file", "give the model's directory")
    elif _looks_local(value):
        yield _missing(flag, path, "train, merge or download it first, or give a hub id ORG/NAME")
    else:
        yield from _hub_name(flag, value.partition(":")[0], "model", hub)


def _incomplete(flag: str, path: Path) -> Iterator[Finding]:
    for wanted, patterns in _MODEL_PARTS.items():
        if not any(next(path.glob(pattern), None) for pattern in patterns):
            yield Finding(FAIL, flag, f"{path.absolute()} has no {wanted}", "copy or export the whole model directory")


def _adapter(flag: str, value: str, hub: Hub) -> Iterator[Finding]:
    value = value.partition("=")[2] or value  # deploy's NAME=PATH
    path = Path(value).expanduser()
    if path.is_dir():
        if flag == "adapters" and not (path / "adapter_config.json").exists():
            fix = "give a checkpoint of LoRA training; a full model is given by --model"
            yield Finding(FAIL, flag, f"{path.absolute()} has no adapter_config.json", fix)
    elif _looks_local(value):
        yield _missing(flag, path, "train first, or correct the path")
    else:
        yield from _hub_name(flag, value, "model", hub)


def _dataset(flag: str, value: str, hub: Hub) -> Iterator[Finding]:
    """swift/dataset/dataset_syntax.py: [hf::|ms::]PATH_OR_ID[:subset/subset][#samples]."""
    name = value if Path(value).exists() else value.partition("::")[2] or value
    head, mark, count = name.rpartition("#")
    if mark and not Path(name).exists():
        name = head
        if not count.isdigit():
            yield Finding(FAIL, flag, f"{value}: {count!r} is no number of samples", "write FILE#1000")
    path = Path(name).expanduser()
    if path.is_file():
        yield from _empty(flag, path)
    elif not path.exists() and _looks_local(name):
        yield _missing(flag, path, "make it with `swiftkit convert`, or correct the path")
    elif not path.exists():
        yield from _hub_name(flag, name.partition(":")[0], "dataset", hub)


def _is_registered(value: str, settings: Settings) -> bool:
    """Whether a plugin or a dataset_info.json names the data set: its id stands there in quotes."""
    name = value.partition("#")[0].partition(":")[0]
    files = [Path(file).expanduser() for flag in _REGISTERING for file in settings.get(flag, [])]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return any(f"{quote}{name}{quote}" in text for text in texts for quote in "'\"")


def _empty(flag: str, path: Path) -> Iterator[Finding]:
    with path.open("rb") as file:
        if not file.read(1 << 20).strip():
            yield Finding(FAIL, flag, f"{path.absolute()} is empty", "look at the rejects of `swiftkit convert`")


def _plugin(flag: str, value: str, hub: Hub) -> Iterator[Finding]:  # noqa: ARG001 - all checks are called alike
    path = Path(value).expanduser()
    if not path.exists():
        yield _missing(flag, path, "correct the path")
    elif path.suffix != ".py":
        yield Finding(FAIL, flag, f"{path.absolute()} is no .py file", "give a Python file")


def _any_path(flag: str, value: str, hub: Hub) -> Iterator[Finding]:  # noqa: ARG001
    """Flags that name an input file where they name a path at all (`deepspeed: zero3` does not)."""
    path = Path(value).expanduser()
    if flag in _INPUTS and _looks_local(value) and not path.exists():
        yield _missing(flag, path, "correct the path")


def _hub_name(flag: str, name: str, kind: str, hub: Hub) -> Iterator[Finding]:
    if "/" not in name and not hub.hugging_face:
        yield Finding(
            FAIL, flag, f"no such path: {Path(name).absolute()}", f"give a {kind}'s path, or a hub id ORG/NAME"
        )
    elif hub.unreachable(kind, name):
        fix = f"download it first and give its path, or unset {', '.join(_OFFLINE)}"
        yield Finding(WARN, flag, f"{name} would be looked up on a hub, but this machine is set offline", fix)


def _looks_local(value: str) -> bool:
    """Whether a person means a path: by its beginning, its ending, or because its first folder is there."""
    if value.startswith(("/", "./", "../", "~")) or value.endswith(_DATA_ENDINGS):
        return True
    return "/" in value and Path(value).parts[0] != "." and Path(Path(value).parts[0]).is_dir()


def _missing(flag: str, path: Path, fix: str) -> Finding:
    return Finding(FAIL, flag, f"no such path: {path.absolute()}", fix)


def _true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on")


_MODEL_PARTS = {
    "config.json": ("config.json",),
    "weights": ("*.safetensors", "*.bin"),
    "tokenizer": ("tokenizer*", "vocab.json", "*.tiktoken"),
}
_DATA_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt")
_REGISTERING = ("external_plugins", "custom_dataset_info")
_INPUTS = ("deepspeed", "custom_dataset_info", "cached_dataset", "cached_val_dataset")
CHECKS: dict[str, Callable[[str, str, Hub], Iterator[Finding]]] = {
    **dict.fromkeys(("model", "reward_model", "ref_model", "teacher_model"), _model),
    **dict.fromkeys(("adapters", "ref_adapters", "reward_adapters", "resume_from_checkpoint"), _adapter),
    **dict.fromkeys(("dataset", "val_dataset"), _dataset),
    "external_plugins": _plugin,
}
