"""The differences between a run as it began and the start that is to go on from its checkpoint.

What changes neither the steps nor their numbers does not count: saving, logging, evaluating, the
run's length, and the flags that the launcher adds for a machine. The number of processes counts:
ZeRO's optimizer is cut for it, and it is part of the batch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from swiftkit.recipe.arguments import Argument
from swiftkit.recipe.recipe import Recipe, whole_number
from swiftkit.training.provenance import CODE, DataFile
from swiftkit.training.redaction import recipe_secrets, redacted_settings
from swiftkit.training.run_record import RunRecord

_WITHOUT_EFFECT = (  # beginnings of names
    "save_ logging_ eval_ swanlab_ wandb_ report_to run_name output_dir add_version max_steps"
    " num_train_epochs resume_from_checkpoint dataset_num_proc dataloader_num_workers"
    " dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor ddp_timeout"
    " create_checkpoint_symlink check_model disable_tqdm use_hf val_dataset use_cpu"
    " use_liger_kernel use_vllm vllm_ gradient_checkpointing load_from_cache_file"
).split()


def changed_settings(record: RunRecord, recipe: Recipe, data: Sequence[DataFile]) -> list[str]:
    """Return what would be trained otherwise, a phrase for each difference.

    `data` are the files of the recipe as they are now (provenance.data_files), hashed once.
    """
    after = redacted_settings(recipe, recipe_secrets(recipe))
    differences = []
    for flag in sorted(record.settings.keys() | after.keys()):
        if flag.startswith(tuple(_WITHOUT_EFFECT)):
            continue
        old, new = record.settings.get(flag, []), after.get(flag, [])
        argument = recipe.arguments.get(flag)
        if argument and _values(argument, old) == _values(argument, new):
            continue
        if flag == "dataset":  # a file may have moved: its content counts
            is_same = list(map(_selection, old)) == list(map(_selection, new))
        else:
            is_same = _places(old, record.folder) == _places(new, "")
        if not is_same:
            differences.append(f"{flag} was {_shown(old)}, is {_shown(new)}")
    differences += changed_data(record.data, data)
    before, now = _processes(record.environment), _processes(recipe.environment)
    if before != now:
        differences.append(f"{before} processes trained, {now} would now")
    return differences


def _values(argument: Argument, words: list[str]) -> list[object]:
    """Return what the words mean to swift's parser: 4e-3 is 0.004, and no word is the default."""
    if not words and argument.default is not None:
        default = argument.default
        words = list(map(str, default if isinstance(default, list) else [default]))
    values: list[object] = []
    for word in words:
        if argument.kind == "bool" or word.lower() in ("true", "false"):
            values.append(word.lower() in ("yes", "true", "t", "y", "1"))
            continue
        try:
            values.append(word if argument.kind in ("str", "choice") else float(word))
        except ValueError:
            values.append(word)
    return values


def changed_data(before: Sequence[DataFile], now: Sequence[DataFile]) -> list[str]:
    """Compare the files of --dataset, which have an order, and those of code."""
    differences = []
    for flag in ("dataset", *CODE):
        old = [file for file in before if file.flag == flag]
        new = [file for file in now if file.flag == flag]
        if flag in CODE and not old:  # an older swiftkit kept none
            continue
        if len(old) != len(new):
            differences.append(f"{flag} had {len(old)} files, has {len(new)}")
            continue
        for file, other in zip(old, new, strict=True):
            if file.sha256 != other.sha256:
                content = "code or settings" if flag in CODE else "data"
                digests = f"SHA-256 {file.sha256[:12]} then, {other.sha256[:12]} now"
                differences.append(f"{other.path} holds other {content} ({digests})")
    return differences


def _places(values: list[str], folder: str) -> list[str]:
    """Return the values, each that is a path as seen from `folder` in its one spelling."""
    places = []
    for value in values:
        path = Path(folder, value).expanduser()
        try:
            places.append(str(path.resolve()) if value and path.exists() else value)
        except OSError:  # too long for a name
            places.append(value)
    return places


def _selection(name: str) -> str:
    """Return what is taken of a file, such as #500; a hub's name as it is."""
    path, mark, count = name.partition("#")
    return f"{mark}{count}" if Path(path).expanduser().suffix else name


def _shown(values: list[str]) -> str:
    return " ".join(values) if values else "not set"


def _processes(environment: Mapping[str, str]) -> int:
    counts = [environment.get(name, "") for name in ("NPROC_PER_NODE", "NNODES")]
    processes = 1
    for count in counts:
        processes *= whole_number(count) or 1
    return processes
